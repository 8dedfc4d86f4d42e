// Reads an exported log with golang.org/x/mod/sumdb, where signed notes and tiled logs come from: other people's code
// opens the checkpoint, reads hashes from the tiles, and proves every entry and a prefix of every size by them.
//
//	go run . DIR VKEY
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

// directory has tlog-tiles' paths: those of sumdb without the height, which C2SP fixes.
type directory string

func (dir directory) read(path string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(dir), filepath.FromSlash(path)))
}

func (dir directory) Height() int { return tileHeight }

func (dir directory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		path := "tile/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight))
		bytes, err := dir.read(path)
		if err != nil {
			return nil, err
		}
		data[i] = bytes
	}
	return data, nil
}

func (dir directory) SaveTiles([]tlog.Tile, [][]byte) {}

// entries of one bundle: u16be length, then so many bytes, over and over.
func (dir directory) entries(size int64) ([][]byte, error) {
	var all [][]byte
	for at := int64(0); at < size; at += 1 << tileHeight {
		width := size - at
		if width > 1<<tileHeight {
			width = 1 << tileHeight
		}
		tile := tlog.Tile{H: tileHeight, L: 0, N: at >> tileHeight, W: int(width)}
		path := "tile/entries/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/0/", tileHeight))
		bundle, err := dir.read(path)
		if err != nil {
			return nil, err
		}
		for len(bundle) > 0 {
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			all = append(all, bundle[2:end])
			bundle = bundle[end:]
		}
	}
	return all, nil
}

func check(dir directory, vkey string) (any, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	text, err := dir.read("checkpoint")
	if err != nil {
		return nil, err
	}
	signed, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return nil, err
	}
	lines := strings.Split(signed.Text, "\n")
	head := tlog.Tree{}
	if _, err := fmt.Sscan(lines[1], &head.N); err != nil {
		return nil, err
	}
	if head.Hash, err = tlog.ParseHash(lines[2]); err != nil {
		return nil, err
	}
	entries, err := dir.entries(head.N)
	if err != nil {
		return nil, err
	}
	if int64(len(entries)) != head.N {
		return nil, fmt.Errorf("%d entries in a log of %d", len(entries), head.N)
	}
	hashes := tlog.TileHashReader(head, dir)
	for index, entry := range entries {
		proof, err := tlog.ProveRecord(head.N, int64(index), hashes)
		if err != nil {
			return nil, err
		}
		if err := tlog.CheckRecord(proof, head.N, head.Hash, int64(index), tlog.RecordHash(entry)); err != nil {
			return nil, fmt.Errorf("entry %d: %w", index, err)
		}
		before, err := tlog.TreeHash(int64(index)+1, hashes)
		if err != nil {
			return nil, err
		}
		prefix, err := tlog.ProveTree(head.N, int64(index)+1, hashes)
		if err != nil {
			return nil, err
		}
		if err := tlog.CheckTree(prefix, head.N, head.Hash, int64(index)+1, before); err != nil {
			return nil, fmt.Errorf("the first %d entries: %w", index+1, err)
		}
	}
	return map[string]any{
		"origin":     lines[0],
		"size":       head.N,
		"verified":   len(signed.Sigs),
		"unverified": len(signed.UnverifiedSigs),
	}, nil
}

func main() {
	result, err := check(directory(os.Args[1]), os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		os.Exit(1)
	}
}
