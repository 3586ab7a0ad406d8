/* The tables and views as numbered migrations, in SQL (store/schema/KIND-N-*.sql, put into the program by the
 * build). A database knows by its table schema_version which of them it has. */
#ifndef ROOMSTREAM_STORE_SCHEMA_H
#define ROOMSTREAM_STORE_SCHEMA_H

#include <stddef.h>
#include <stdio.h>

struct schema {
    const char *const *migrations; /* the first is number 1 */
    size_t count;                  /* the current version */
};

extern const struct schema schema_sqlite, schema_postgres;

void schema_print(const struct schema *schema, FILE *out);

#endif
