/* The segment files in a spool's folder, by their headers, before their records are read: which spool they
 * belong to, and whether their names are right. Everything else relies on names in order.
 *
 * Lifecycle: inventory_take, then inventory_check; inventory_put_in_order changes files, after which it is
 * taken again; inventory_free in any case. */
#ifndef ROOMSTREAM_SPOOL_INVENTORY_H
#define ROOMSTREAM_SPOOL_INVENTORY_H

#include "folder.h"
#include "position.h"

#include <uuid/uuid.h>

enum inventory_state {
    FILE_IN_ORDER, /* its name is right; the header may be damaged, if whole records behind it are the spool's
                    */
    FILE_MISNAMED, /* its header is whole and says that it begins with another id than its name does */
    FILE_WITHOUT_RECORDS, /* neither its header nor any record in it is whole */
    FILE_LOST,            /* the same, where the power was lost before it was synced */
};

struct inventory_file {
    uint64_t name_id;  /* its first id by its name... */
    uint64_t first_id; /* ... and by its header, if that is whole */
    uuid_t uuid;       /* of the header */
    bool header_whole;
    enum inventory_state state; /* after inventory_check */
};

/* Zero-initialized is empty. */
struct inventory {
    struct inventory_file *files; /* ascending by name_id */
    size_t count;
};

/* Reads all headers; changes nothing. False with *error: I/O error, another format version. */
bool inventory_take(struct inventory *inventory, const struct folder *folder, struct error *error);
void inventory_free(struct inventory *inventory);

/* The spool that most of the headers name. False when no header is whole. */
bool inventory_find_uuid(const struct inventory *inventory, uuid_t uuid);

/* Sets the files' states; changes nothing. With `rebooted`, what *position does not show as synced may be
 * lost. False with *error: a file of another spool than *position's, or an I/O error. */
bool inventory_check(struct inventory *inventory, const struct folder *folder,
                     const struct position *position, bool rebooted, struct error *error);

/* Writes the ids of the files in order to ids, which has room for `count`; returns their number. */
size_t inventory_ids(const struct inventory *inventory, uint64_t *ids);

/* The first file that only a repair may touch (misnamed, without records); NULL if there is none. */
const struct inventory_file *inventory_problem(const struct inventory *inventory);

/* Renames misnamed files, renames second copies and files without records to NAME.corrupt, and removes files
 * that are lost; logs each. False with *error. */
bool inventory_put_in_order(const struct inventory *inventory, const struct folder *folder,
                            struct error *error);

#endif
