/* The spool's folder: its files' names, its lock, and its entries made durable. */
#ifndef ROOMSTREAM_SPOOL_FOLDER_H
#define ROOMSTREAM_SPOOL_FOLDER_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file's name is the id of its first record in 20 digits and .seg, so that they sort by id. */
#define SEGMENT_NAME_SIZE 25
void segment_name(uint64_t first_id, char name[static SEGMENT_NAME_SIZE]);

struct folder {
    int fd;
    char *path;
};

/* Opens the folder, with `create` makes it (mode 0700) if it is missing. False with *error. */
bool folder_open(struct folder *folder, const char *path, bool create, struct error *error);
void folder_close(struct folder *folder);

/* Makes created, renamed and removed entries durable. False with errno. */
bool folder_sync(const struct folder *folder);

/* Locks the folder for this process until *fd is closed (also by its death). Creates the lock's file if it is
 * missing, and changes nothing else. False with *error, which names the process that holds the lock. */
bool folder_lock(const struct folder *folder, int *fd, struct error *error);

/* Writes this process's id into the file of its lock, for people only. */
void folder_sign_lock(int fd);

/* The first ids of the segments in the folder, by their names, ascending; the caller frees *ids. */
bool folder_list_segments(const struct folder *folder, uint64_t **ids, size_t *count, struct error *error);

/* Removes unfinished new files. One that cannot be removed stays. */
void folder_remove_temporary(const struct folder *folder);

/* Creates NAME.tmp for writing, for folder_put_in_place to rename to NAME when it is complete. Returns its
 * descriptor (read and write), or -1 with errno. */
#define FOLDER_NAME_SIZE 64 /* of the names that these functions take and return */
int folder_create_temporary(const struct folder *folder, const char *name);
bool folder_put_in_place(const struct folder *folder, const char *name);
void folder_drop_temporary(const struct folder *folder, const char *name);

/* Gives the file a second name that is free, NAME.corrupt (or .corrupt.2, ...), and returns that in `kept`.
 * False with errno. */
bool folder_keep(const struct folder *folder, const char *name, char kept[static FOLDER_NAME_SIZE]);

#endif
