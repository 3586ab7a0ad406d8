/* The line of Java's login configuration (JAAS) that Kafka's Java clients take as sasl.jaas.config:
 *   org.apache.kafka.common.security.plain.PlainLoginModule required username="NAME" password="SECRET"; */
#ifndef ROOMSTREAM_KAFKA_JAAS_H
#define ROOMSTREAM_KAFKA_JAAS_H

#include "core/error.h"

#include <stdbool.h>

struct jaas_login {
    char username[512], password[1024]; /* UTF-8 */
};

/* Reads user and password of Kafka's PLAIN and SCRAM login modules, by the rules of Kafka's JaasConfig, which
 * are those of java.io.StreamTokenizer: words may be in " or ', with the escapes of Java's strings; words
 * that begin with a digit or dash must be; / begins a comment. False with *error (the reason, without the
 * text: it holds the password) for other modules, for delegation tokens, when user or password is missing,
 * and for what Java does not accept. */
bool jaas_read(const char *text, struct jaas_login *login, struct error *error);

#endif
