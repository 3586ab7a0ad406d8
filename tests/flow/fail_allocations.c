/* Preloaded into a program (LD_PRELOAD), has its allocations fail, libraries included: with
 * FAIL_ALLOCATIONS=SEED:N one in N at random, which the seed repeats as far as the order of threads does;
 * with FAIL_ALLOCATIONS_OF=BYTES all of just that size. Those of Cyrus SASL never fail: its sasl_client_init,
 * which rd_kafka_new calls, does not look whether it got memory. Nor do those of getaddrinfo, which crashes
 * where glibc 2.36 cannot load its name service. For glibc only. */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <malloc.h> /* declares memalign */
#include <netdb.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static atomic_ullong count;
static unsigned long long seed, one_in, exactly;

static uintptr_t sasl_begin, sasl_end; /* where its code lies; both 0: it is not loaded */

static int find_sasl(struct dl_phdr_info *library, size_t size, void *context)
{
    (void)size, (void)context;
    if (!strstr(library->dlpi_name, "libsasl2"))
        return 0;
    for (int i = 0; i < library->dlpi_phnum; i++)
        if (library->dlpi_phdr[i].p_type == PT_LOAD && (library->dlpi_phdr[i].p_flags & PF_X)) {
            sasl_begin = library->dlpi_addr + library->dlpi_phdr[i].p_vaddr;
            sasl_end = sasl_begin + library->dlpi_phdr[i].p_memsz;
        }
    return 1;
}

__attribute__((constructor)) static void read_environment(void)
{
    dl_iterate_phdr(find_sasl, NULL);
    const char *chance = getenv("FAIL_ALLOCATIONS"), *size = getenv("FAIL_ALLOCATIONS_OF");
    if (chance && sscanf(chance, "%llu:%llu", &seed, &one_in) != 2)
        abort();
    if (size)
        exactly = strtoull(size, NULL, 10);
}

/* Sebastiano Vigna's splitmix64. */
static uint64_t mixed(uint64_t value)
{
    value += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

static _Thread_local int resolving;

static int fails(size_t size, const void *caller)
{
    if (resolving || ((uintptr_t)caller >= sasl_begin && (uintptr_t)caller < sasl_end))
        return 0;
    unsigned long long number = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    int yes = (one_in && mixed(mixed(seed) + number) % one_in == 0) || (exactly && size == exactly);
    if (yes)
        errno = ENOMEM;
    return yes;
}

void *malloc(size_t size)
{
    return fails(size, __builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    return fails(number * size, __builtin_return_address(0)) ? NULL : __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
    return size > 0 && fails(size, __builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t number, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(number, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(old, bytes);
}

void *memalign(size_t alignment, size_t size)
{
    return fails(size, __builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *made = memalign(alignment, size);
    if (!made)
        return ENOMEM;
    *memory = made;
    return 0;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    resolving = 1;
    *(void **)&next = dlsym(RTLD_NEXT, "getaddrinfo");
    int status = next(host, service, hints, found);
    resolving = 0;
    return status;
}
