#include "boot_id.h"

#include <fcntl.h>
#include <unistd.h>

void boot_id_read(uuid_t id)
{
    char text[37] = "";
    uuid_clear(id);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, text, sizeof text - 1) < 0 || uuid_parse(text, id) < 0)
        uuid_clear(id);
    close(fd);
}
