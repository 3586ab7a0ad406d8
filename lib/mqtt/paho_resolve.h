/* Which address of a name Paho connects to. Of those that a name has Paho takes one, always the same, and
 * its options have no place for another: TLS checks the certificate against the host of its URI, so that this
 * must stay the name. The linker therefore gives Paho's archive, and nothing outside of this program's own
 * objects, a getaddrinfo that uses what is set here (docs/decisions/0016-all-addresses.md). */
#ifndef ROOMSTREAM_MQTT_PAHO_RESOLVE_H
#define ROOMSTREAM_MQTT_PAHO_RESOLVE_H

/* From now on the host is resolved to that numeric address, in this process; with NULL to what it is. One
 * host at a time: the last one set. Any thread. */
void paho_resolve_to(const char *host, const char *address);

#endif
