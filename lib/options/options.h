/* The options of a program: from the command line, the environment, the configuration file and the defaults,
 * the first of which that names an option wins.
 *
 * Within the file a section of the program itself ([bridge-temp]) goes before its family's ([bridge]), that
 * before a group's ([mqtt]), that before [default] and what stands before any section; among equals the last
 * one counts. The file's other sections are for other programs. A properties file (see option.h) comes after
 * the configuration file. An environment variable that is empty counts as not set.
 *
 * Lifecycle:
 *   options_parse_or_exit    first in main()
 *   log_init                 with the settings that log_options has filled
 *   options_log_warnings     (warnings.h)
 *   options_wrong            where options do not go together
 */
#ifndef ROOMSTREAM_OPTIONS_OPTIONS_H
#define ROOMSTREAM_OPTIONS_OPTIONS_H

#include "core/error.h"
#include "option.h"

#include <stdio.h>

enum options_result {
    OPTIONS_RUN,   /* go on */
    OPTIONS_DONE,  /* --help, --version or the like was served on stdout: exit 0 */
    OPTIONS_WRONG, /* used wrongly: *error says how; exit 2 */
};

/* Fills the settings of all groups. Every program has --help, --version, --config FILE (environment
 * ROOMSTREAM_CONFIG), --print-config (effective values as `name = value` lines that --config reads, secrets
 * hidden) and --print-options (the man page's OPTIONS in scdoc) beside its groups; all but --print-config are
 * served even where the file or a variable is wrong. Long names must be written out. Call before any thread;
 * again only with settings that are zeroed again. A table that is wrong in itself (too many options, a
 * default for an unknown option) aborts. */
enum options_result options_parse(const struct program *program, int argc, char **argv, struct error *error);

/* options_parse for main(): on help or wrong use prints what is due and exits the process. */
void options_parse_or_exit(const struct program *program, int argc, char **argv);

/* After options_parse: */

/* True when the option was set by the user (in any source), false when it has its default. */
bool options_given(const char *name);

/* Writes the effective values of the options of a section (see option_group) as --print-config does, but for
 * those named in `except` (NULL-terminated). */
void options_write(const char *section, const char *const *except, FILE *out);

/* Prints "PROGRAM: TEXT" and a pointer to --help on stderr and exits with EXIT_WRONG_USE: for checks across
 * options. */
_Noreturn void options_wrong(const struct program *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Exits with options_wrong where standard output was closed: for programs that print messages there. */
void options_need_stdout(const struct program *program);

#endif
