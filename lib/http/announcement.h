/* Programs that serve HTTP announce themselves in a runtime folder, so that `status` and Prometheus (its
 * file_sd_configs) find them.
 *
 * An announcement is a file KIND-PID.json that holds
 *     [{"targets": ["HOST:PORT"], "labels": {"KIND": "NAME", "__note": "NOTE"}}]
 * where KIND is what the program is ("bridge", "store") and NAME identifies it among others of its kind.
 * NOTE, if any, is what programs of this kind tell each other; Prometheus drops labels that begin so. The
 * program keeps an exclusive flock(2) on the file while it runs: a file that can be locked is left over from
 * a kill. All may read it; it holds no secrets.
 *
 * The folder is the first of these that can be written to:
 * - $RUNTIME_DIRECTORY, of a service (systemd: RuntimeDirectory=roomstream, that is /run/roomstream)
 * - $XDG_RUNTIME_DIR/roomstream, of a user who is logged in
 * - /run/roomstream, of root
 * - /tmp/roomstream-UID, of anyone else
 * Readers look into all except the first. A folder that another user could have made, other than root or the
 * user of the services, is neither written to nor read.
 *
 * Lifecycle: announcement_make -> announcement_withdraw. Any thread; no state is shared.
 */
#ifndef ROOMSTREAM_HTTP_ANNOUNCEMENT_H
#define ROOMSTREAM_HTTP_ANNOUNCEMENT_H

#include "address.h"

#include <stdbool.h>

struct announcement;

/* Announces the program that serves HTTP at `address` (http_server_address), and removes what programs of
 * this kind that were killed have left. A note may be NULL. NULL, which is logged: the program can run
 * without it, but is not found. */
struct announcement *announcement_make(const char *kind, const char *name, const char *note,
                                       const struct http_address *address);

/* Removes the file, and frees. NULL is allowed. */
void announcement_withdraw(struct announcement *announcement);

/* Calls `each` with the path of every announcement whose program runs, in the order of the folders. Stops and
 * returns false when `each` returns false. */
bool announcements_each(bool (*each)(void *context, const char *path), void *context);

/* The note in the file of `path`, which the caller frees; NULL if there is none, or not of that kind. */
char *announcement_note(const char *path, const char *kind);

#endif
