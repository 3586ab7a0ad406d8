/* Preloaded into a program (LD_PRELOAD), answers for the resolver: FAKE_HOSTS is "NAME=ADDRESS,ADDRESS" for
 * one name, which has these addresses, in that order. Other names are the system's affair. For
 * test_addresses.py; glibc only, whose freeaddrinfo takes a list of any making. */
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static int resolve_list(resolver *real, char *addresses, const char *service, const struct addrinfo *hints,
                        struct addrinfo **list)
{
    char *save = NULL;
    int rc = EAI_NONAME;
    for (char *one = strtok_r(addresses, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
        rc = real(one, service, hints, list);
        if (rc != 0)
            return rc;
        while (*list)
            list = &(*list)->ai_next;
    }
    return rc;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
    resolver *real;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    const char *fake = getenv("FAKE_HOSTS");
    size_t length = host ? strlen(host) : 0;
    if (!fake || !host || strncmp(fake, host, length) != 0 || fake[length] != '=')
        return real(host, service, hints, list);
    char addresses[256];
    snprintf(addresses, sizeof addresses, "%s", fake + length + 1);
    *list = NULL;
    return resolve_list(real, addresses, service, hints, list);
}
