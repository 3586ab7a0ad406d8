/* The terminal on which a table is kept up to date, in its alternate screen so that what was there before
 * comes back. Main thread only. */
#ifndef ROOMSTREAM_SCREEN_H
#define ROOMSTREAM_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is standard output a terminal that can be steered? */
bool screen_usable(void);

/* Should there be colours? Not with NO_COLOR (no-color.org). */
bool screen_color(void);

/* The terminal's columns and lines; 80 and 24 where it does not tell. */
void screen_size(size_t *columns, size_t *lines);

/* Begins and ends the use of the alternate screen. While SIGTSTP (Ctrl-Z) suspends the program, what was
 * there before is there. */
void screen_begin(void);
void screen_end(void);

/* Waits for `ns`, less when there is reason to draw again (the terminal's size has changed, or the program
 * goes on after SIGTSTP) or stopping is asked for (stop.h). */
void screen_wait(int64_t ns);

/* What ends a line there, what goes before the first one, and behind the last. */
#define SCREEN_LINE_END "\033[K\r\n"
#define SCREEN_HOME "\033[H"
#define SCREEN_CLEAR_REST "\033[J"

#endif
