#include "schema.h"

void schema_print(const struct schema *schema, FILE *out)
{
    for (size_t i = 0; i < schema->count; i++)
        fprintf(out, "%s-- %zu\n%s", i ? "\n" : "", i + 1, schema->migrations[i]);
}
