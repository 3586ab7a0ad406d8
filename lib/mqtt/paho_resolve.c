#include "paho_resolve.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char set_host[256], set_address[INET6_ADDRSTRLEN];

void paho_resolve_to(const char *host, const char *address)
{
    pthread_mutex_lock(&mutex);
    snprintf(set_host, sizeof set_host, "%s", address ? host : "");
    snprintf(set_address, sizeof set_address, "%s", address ? address : "");
    pthread_mutex_unlock(&mutex);
}

/* The linker's names (ld --wrap): what is called in place of getaddrinfo, and getaddrinfo itself. */
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list)
{
    char address[INET6_ADDRSTRLEN] = "";
    pthread_mutex_lock(&mutex);
    if (host && *set_host && strcmp(host, set_host) == 0)
        memcpy(address, set_address, sizeof address);
    pthread_mutex_unlock(&mutex);
    return __real_getaddrinfo(*address ? address : host, service, hints, list);
}
