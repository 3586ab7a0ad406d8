/* One table of options per program: it drives the parser, the environment, the configuration file, --help,
 * --print-config and the OPTIONS section of the man page.
 *
 * Precedence: command line, environment, configuration file, default. Within the file a section of the
 * program itself ([bridge-temp]) goes before its family's ([bridge]), that before a group's ([mqtt]), that
 * before [default] and what stands before any section; among equals the last one counts. The file's other
 * sections are for other programs. A properties file (see option_spec) comes after the configuration file. An
 * environment variable that is empty counts as not set. */
#ifndef ROOMSTREAM_OPTIONS_H
#define ROOMSTREAM_OPTIONS_H

#include "error.h"
#include "property_list.h"
#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What an option takes, and the type of its value in the group's settings. */
enum option_kind {
    /* bool: --name on the command line; true or false (yes/no, on/off, 1/0) elsewhere */
    OPTION_FLAG,

    /* const char *, NULL when unset; owned by the options module, lives until exit */
    OPTION_TEXT,

    /* as OPTION_TEXT, but never taken from the command line nor printed */
    OPTION_SECRET,

    /* struct text_list: may be given several times, in the environment one a line; a higher source or section
     * replaces a lower one */
    OPTION_LIST,

    /* struct property_list, given as NAME=VALUE as a list is; sources and sections add up, in order of rising
     * precedence. One whose name says that it is a secret (text_names_secret) is neither taken from the
     * command line nor printed */
    OPTION_PROPERTIES,

    /* int64_t */
    OPTION_INTEGER,

    /* double */
    OPTION_REAL,

    /* int64_t ns, see text_to_duration */
    OPTION_DURATION,

    /* int64_t bytes, see text_to_size */
    OPTION_SIZE,

    /* int: index into choices */
    OPTION_CHOICE,
};

struct option_spec {
    /* Long name without dashes; also the key in configuration files. */
    const char *name;

    /* Short name, or 0. */
    char letter;

    enum option_kind kind;

    /* Placeholder in help, e.g. "HOST"; NULL for flags and secrets. FILE and FOLDER are completed as such. */
    const char *argument;

    /* Default as the user would write it, or NULL for none (zero). */
    const char *fallback;

    /* Environment variable; NULL: ROOMSTREAM_ and the name in capitals, with _ for -. */
    const char *env;

    /* Of OPTION_CHOICE, NULL-terminated. */
    const char *const *choices;

    /* Bounds of numbers, durations (in seconds) and sizes (in bytes). A maximum that is not above the minimum
     * is none; both 0: none at all. */
    double minimum, maximum;

    /* Of one OPTION_PROPERTIES at most: takes the configuration file's keys with a dot, e.g.
     * security.protocol. */
    bool dotted_keys;

    /* Of one OPTION_TEXT at most: it names a file as properties_file.h reads it whose keys are all properties
     * of the option with dotted_keys. */
    bool properties_file;

    /* The name that this option has among those properties, e.g. bootstrap.servers: set there, it is this
     * option that is set. NULL: none. */
    const char *property;

    size_t offset;

    /* One sentence fragment without a final point; it explains the choices. The default and the environment
     * variable are added to it. */
    const char *help;
};

struct option_group {
    const char *title;   /* heading in --help */
    const char *section; /* the configuration file's section for this group, and for no other options */
    const struct option_spec *specs;
    size_t count;
    void *settings; /* what the offsets refer to; zeroed by the caller */
};

/* A default of one program that differs from the table's, e.g. bridge-temp's topic. */
struct option_default {
    const char *name, *value;
};

struct program {
    const char *name;    /* e.g. "bridge-temp" */
    const char *family;  /* e.g. "bridge": its [section] applies too; NULL if there is none */
    const char *usage;   /* what follows the name in the usage line, e.g. "[OPTION]..." */
    const char *summary; /* one line: what the program does */
    const char *details; /* paragraphs for --help, or NULL */
    const struct option_group *groups;
    size_t group_count;
    const struct option_default *defaults;
    size_t default_count;
};

enum options_result {
    OPTIONS_RUN,   /* go on */
    OPTIONS_DONE,  /* --help, --version or the like was served on stdout: exit 0 */
    OPTIONS_WRONG, /* used wrongly: *error says how; exit 2 */
};

/* Fills the settings of all groups. Every program has --help, --version, --config FILE (environment
 * ROOMSTREAM_CONFIG), --print-config (effective values as `name = value` lines that --config reads, secrets
 * hidden) and --print-options (the man page's OPTIONS in scdoc) beside its groups; all but --print-config are
 * served even where the file or a variable is wrong. Long names must be written
 * out: an abbreviation would mean something else once an option is added. Operands (words that are no
 * options) are an error. Call before any thread; again only with settings that are zeroed again. A table that
 * is wrong in itself (too many options, a default for an unknown option) aborts. */
enum options_result options_parse(const struct program *program, int argc, char **argv, struct error *error);

/* True when the option was set by the user (in any source), false when it has its default. */
bool options_given(const char *name);

/* Writes the effective values of the options of a section (see option_group) as --print-config does, but for
 * those named in `except` (NULL-terminated). After options_parse. */
void options_write(const char *section, const char *const *except, FILE *out);

/* Exit statuses of all programs. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_WRONG_USE = 2, EXIT_TIMED_OUT = 27 };

/* The beginning of every main(): parses; on help or wrong use prints what is due and exits the process. */
void options_parse_or_exit(const struct program *program, int argc, char **argv);

/* Prints "PROGRAM: TEXT" and a pointer to --help on stderr and exits with EXIT_WRONG_USE: for checks across
 * options. */
_Noreturn void options_wrong(const struct program *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Exits with options_wrong where standard output was closed: for programs that print messages there. After
 * options_parse_or_exit. */
void options_need_stdout(const struct program *program);

#endif
