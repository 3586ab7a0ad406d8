/* Which start of the machine this is. After another one the file system may have lost what was not synced. */
#ifndef ROOMSTREAM_CORE_BOOT_ID_H
#define ROOMSTREAM_CORE_BOOT_ID_H

#include <uuid/uuid.h>

/* The kernel's random id of this start, see random(4); all zeros when there is none. */
void boot_id_read(uuid_t id);

#endif
