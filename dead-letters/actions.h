/* What can be done about the dead letters of a bridge. */
#ifndef ROOMSTREAM_DEAD_LETTERS_ACTIONS_H
#define ROOMSTREAM_DEAD_LETTERS_ACTIONS_H

#include "settings.h"

/* Does what the settings say, on stdout. Returns the exit status. A retry that is killed between putting a
 * message back and removing its letter leaves both. */
int letters_act(const struct letters_settings *settings);

#endif
