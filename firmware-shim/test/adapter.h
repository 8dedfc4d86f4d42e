/** The crypto of the test programs: libsodium's adapter, or the one that is named when they are compiled. */
#ifndef ADAPTER_H
#define ADAPTER_H

#ifdef WITH_MONOCYPHER
#include "../include/myco/adapters/monocypher.h"
typedef myco_monocypher_key adapter_key;
#define adapter_start() 0
#define adapter_key_from_seed myco_monocypher_key_from_seed
#define adapter_crypto myco_monocypher_crypto
#else
#include "../include/myco/adapters/sodium.h"
typedef myco_sodium_key adapter_key;
#define adapter_start() sodium_init()
#define adapter_key_from_seed myco_sodium_key_from_seed
#define adapter_crypto myco_sodium_crypto
#endif

#endif /* ADAPTER_H */
