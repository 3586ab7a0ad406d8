#include "database.h"

#include <libpq-fe.h>
#include <string.h>

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Passwords must be neither in a process's command line nor in the output of --print-config. */
static bool check_postgres(const char *address, struct error *error)
{
    char *reason = NULL;
    PQconninfoOption *options = PQconninfoParse(address, &reason);
    bool password = false;
    if (!options) {
        error_set(error, "--database: %.*s", reason ? (int)strcspn(reason, "\n") : 0, reason ? reason : "");
        PQfreemem(reason);
        return false;
    }
    for (const PQconninfoOption *option = options; option->keyword; option++)
        password = password || (option->val && (strcmp(option->keyword, "password") == 0 ||
                                                strcmp(option->keyword, "sslpassword") == 0));
    PQconninfoFree(options);
    return !password ||
           error_set(
               error,
               "--database: a password does not belong into the address: PostgreSQL's own ways are understood, "
               "the variables PGPASSWORD and PGPASSFILE and the file ~/.pgpass");
}

const struct database_kind *database_kind(const char *address, struct error *error)
{
    if (begins(address, "sqlite:") && strlen(address) > strlen("sqlite:"))
        return &sqlite_kind;
    if (begins(address, "postgresql://") || begins(address, "postgres://"))
        return check_postgres(address, error) ? &postgres_kind : NULL;
    /* The address may hold a password. */
    error_set(error, "--database is neither sqlite:FILE nor postgresql://[USER@]HOST[:PORT]/NAME");
    return NULL;
}

void database_shown(const char *address, char *shown, size_t size)
{
    snprintf(shown, size, "%.*s", (int)strcspn(address, "?"), address);
}
