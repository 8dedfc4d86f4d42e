/** Version of this library; the wire's own versions are in protocol.h. */
#ifndef MYCO_VERSION_H
#define MYCO_VERSION_H

#define MYCO_LIBRARY_VERSION "0.1.0"

#endif /* MYCO_VERSION_H */
