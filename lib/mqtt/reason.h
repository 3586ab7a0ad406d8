/* The reasons that a broker gives, in words: codes of MQTT 3.1.1 and MQTT 5, and the properties that explain
 * them. Advice for another code of a refused CONNECT: a case in mqtt_connect_advice. */
#ifndef ROOMSTREAM_MQTT_REASON_H
#define ROOMSTREAM_MQTT_REASON_H

#include <MQTTProperties.h>

enum { MQTT_REASON_SIZE = 512 };

/* "0x97 Quota exceeded", then what the packet's Server Reference and Reason String say (MQTT 5 sections
 * 3.2.2.3.9 and 3.2.2.3.16), if it has them. properties may be NULL. Returns text. */
const char *mqtt_reason(int code, const MQTTProperties *properties, char text[static MQTT_REASON_SIZE]);

/* The same for the code of a CONNACK, which MQTT 3.1.1 numbers otherwise (table 3.1): 1 to 5. */
const char *mqtt_connect_reason(int code, const MQTTProperties *properties,
                                char text[static MQTT_REASON_SIZE]);

/* What the user can do about a refused CONNECT, or NULL when it may pass by itself. */
const char *mqtt_connect_advice(int code);

#endif
