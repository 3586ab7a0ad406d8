/* Where this system keeps the state of programs. */
#ifndef ROOMSTREAM_CORE_STATE_FOLDER_H
#define ROOMSTREAM_CORE_STATE_FOLDER_H

#include "error.h"

/* The path of `name` in $STATE_DIRECTORY (systemd), else in $XDG_STATE_HOME/roomstream, else in
 * ~/.local/state/roomstream; the caller frees it. NULL where none of the variables is set. */
char *state_folder(const char *name);

/* Creates the folder and its parents where they are missing, mode 0700. */
bool make_folders(const char *path, struct error *error);

#endif
