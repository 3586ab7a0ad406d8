#include "state_folder.h"

#include "out_of_memory.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *state_folder(const char *name)
{
    const char *systemd = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *path = NULL;
    int length;
    if (systemd && *systemd)
        length = asprintf(&path, "%.*s/%s", (int)strcspn(systemd, ":"), systemd, name);
    else if (xdg && *xdg)
        length = asprintf(&path, "%s/roomstream/%s", xdg, name);
    else if (home && *home)
        length = asprintf(&path, "%s/.local/state/roomstream/%s", home, name);
    else
        return NULL;
    if (length < 0)
        out_of_memory(strlen(name));
    return path;
}

bool make_folders(const char *path, struct error *error)
{
    char *copy = text_copy(path);
    bool ok = true;
    for (char *end = copy; ok && *end;) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        char cut = *end;
        *end = '\0';
        if (mkdir(copy, 0700) != 0 && errno != EEXIST)
            ok = error_set(error, "cannot create the folder %s: %s", copy, strerror(errno));
        *end = cut;
    }
    free(copy);
    return ok;
}
