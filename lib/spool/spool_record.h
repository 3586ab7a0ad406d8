/* What a spool holds. */
#ifndef ROOMSTREAM_SPOOL_SPOOL_RECORD_H
#define ROOMSTREAM_SPOOL_SPOOL_RECORD_H

#include <stddef.h>
#include <stdint.h>

enum spool_kind {
    SPOOL_MESSAGE = 1,
    SPOOL_RELEASE = 2, /* packet_id is released (QoS 2: PUBREL came) */
    SPOOL_FORGET = 3,  /* all packet ids are released: the broker has lost the session */
};

struct spool_bytes {
    const void *data;
    size_t length;
};

/* Greatest lengths: topic 65,535; properties and payload 268,435,455 together (MQTT's largest packet); reason
 * 65,535. */
struct spool_record {
    uint64_t id;        /* counts up from 1 over all kinds, never reused; skips some after a power loss */
    int64_t time;       /* realtime ns of arrival */
    uint8_t kind;       /* enum spool_kind */
    uint8_t flags;      /* the caller's own: opaque here */
    uint16_t packet_id; /* unreleased from this record on when not 0; a SPOOL_MESSAGE with 0 has none */
    struct spool_bytes topic;      /* opaque here */
    struct spool_bytes properties; /* opaque here */
    struct spool_bytes payload;    /* opaque here */
    struct spool_bytes reason;     /* why it is dead, or must become so */
};

#endif
