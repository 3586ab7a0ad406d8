/* What the file system can append at best: COUNT writes of SIZE bytes, one system call each. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    bench_usage(argc, argv, 3, "FILE COUNT SIZE");
    long count = bench_number(argv[2]);
    size_t size = (size_t)bench_number(argv[3]);
    char *record = calloc(1, size ? size : 1);
    int fd = open(argv[1], O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    if (!record || fd < 0)
        bench_fail("%s: %s", argv[1], strerror(errno));
    int64_t start = bench_now();
    for (long i = 0; i < count; i++)
        if (write(fd, record, size) != (ssize_t)size)
            bench_fail("%s: %s", argv[1], strerror(errno));
    bench_result((uint64_t)count, bench_now() - start, bench_cpu());
    close(fd);
    free(record);
    return 0;
}
