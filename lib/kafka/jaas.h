/* The one line of Java's login configuration (JAAS) that Kafka's Java clients are given as sasl.jaas.config:
 *   org.apache.kafka.common.security.plain.PlainLoginModule required username="NAME" password="SECRET"; */
#ifndef ROOMSTREAM_JAAS_H
#define ROOMSTREAM_JAAS_H

#include "error.h"

#include <stdbool.h>

struct jaas_login {
    char username[512], password[1024];
};

/* Reads user and password of Kafka's PLAIN and SCRAM login modules; words may stand in " or ', with \ before
 * a quote or a \ that is part of them. False with *error (the reason, without the text: it holds the
 * password) for other modules, when one of both is missing, and for what is no such line. */
bool jaas_read(const char *text, struct jaas_login *login, struct error *error);

#endif
