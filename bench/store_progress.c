/* Watches store until it has committed COUNT messages of a topic to DATABASE (see position.h). Prints when
 * the first of them and each tenth of them were committed: pairs of messages and seconds. */
#include "bench.h"
#include "position.h"

#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    enum { TENTHS = 10, PAUSE_US = 2000 };
    bench_usage(argc, argv, 3, "DATABASE TOPIC COUNT");
    long count = bench_number(argv[3]);
    struct bench_position *position = bench_open_position(argv[1], argv[2]);
    for (int tenth = 0; tenth <= TENTHS;) {
        long committed = bench_committed(position), wanted = tenth ? count / TENTHS * tenth : 1;
        if (committed < wanted) {
            usleep(PAUSE_US);
            continue;
        }
        printf("%s[%ld,%.6f]%s", tenth ? "," : "[", committed, (double)bench_now() / 1e9,
               tenth == TENTHS ? "]\n" : "");
        tenth++;
    }
    return 0;
}
