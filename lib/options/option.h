/* An option as a program declares it, in one line:
 *
 *   #define FIELD(name) offsetof(struct my_settings, name)
 *
 *   static const struct option_spec specs[] = {
 *       OPT_TEXT('t', "topic", FIELD(topic), "TOPIC", "topic to publish to"),
 *       OPT_INTEGER('p', "port", FIELD(port), "PORT", NULL, RANGE(1, 65535), "its port", .env = "MQTT_PORT"),
 *   };
 *
 * The line drives the parser, the environment, the configuration file, --help, --print-config and the OPTIONS
 * section of the manual page. */
#ifndef ROOMSTREAM_OPTIONS_OPTION_H
#define ROOMSTREAM_OPTIONS_OPTION_H

#include "core/text.h"

#include <stdbool.h>
#include <stddef.h>

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
    const char *name; /* long name without dashes; also the key in configuration files */
    char letter;      /* short name, or 0 */
    enum option_kind kind;
    size_t offset; /* of its value in the group's settings */

    /* Placeholder in help, e.g. "HOST"; NULL for flags and secrets. FILE and FOLDER are completed as such. */
    const char *argument;

    /* Default as the user would write it, or NULL for none (zero). */
    const char *fallback;

    /* Of numbers, durations (in seconds) and sizes (in bytes), see RANGE, AT_LEAST and ANY. */
    double minimum, maximum;

    /* Of OPTION_CHOICE, NULL-terminated. */
    const char *const *choices;

    /* One sentence fragment without a final point; it explains the choices. The default and the environment
     * variable are added to it. */
    const char *help;

    /* Of an OPTION_LIST: a section of the configuration file whose every line, KEY = VALUE, is an item
     * KEY=VALUE, as `building/{room} = rooms` under [route]. It counts as a group's. NULL: none. */
    const char *lines_of;

    /* Environment variable; NULL: ROOMSTREAM_ and the name in capitals, with _ for -. */
    const char *env;

    /* Of OPTION_SECRET: the letter by which other programs take it; the answer says how it is taken here. */
    char refused_letter;

    /* Of one OPTION_PROPERTIES at most: takes the configuration file's keys that are Kafka's properties:
     * those with a dot, e.g. security.protocol, and a few without, e.g. acks (sources.c). */
    bool dotted_keys;

    /* Of one OPTION_TEXT at most: it names a file as properties_file.h reads it whose keys are all properties
     * of the option with dotted_keys. */
    bool properties_file;

    /* The name that this option has among those properties, e.g. bootstrap.servers: set there, it is this
     * option that is set. NULL: none. */
    const char *property;
};

/* In place of `...` stand the help, and then, by name, what only this option has: .env = "MQTT_PORT". A
 * fallback is written as the user would; NULL: none, the value is then 0. */
#define OPT_FLAG(letter, name, field, ...)                                                                   \
    {                                                                                                        \
        OPT_HEAD(OPTION_FLAG, letter, name, field, NULL), .help = __VA_ARGS__                                \
    }
#define OPT_SECRET(name, field, ...)                                                                         \
    {                                                                                                        \
        OPT_HEAD(OPTION_SECRET, 0, name, field, NULL), .help = __VA_ARGS__                                   \
    }
#define OPT_TEXT(letter, name, field, argument, ...)                                                         \
    {                                                                                                        \
        OPT_HEAD(OPTION_TEXT, letter, name, field, argument), .help = __VA_ARGS__                            \
    }
#define OPT_LIST(letter, name, field, argument, ...)                                                         \
    {                                                                                                        \
        OPT_HEAD(OPTION_LIST, letter, name, field, argument), .help = __VA_ARGS__                            \
    }
#define OPT_PROPERTIES(letter, name, field, argument, ...)                                                   \
    {                                                                                                        \
        OPT_HEAD(OPTION_PROPERTIES, letter, name, field, argument), .help = __VA_ARGS__                      \
    }
#define OPT_CHOICE(letter, name, field, argument, choices_, fallback_, ...)                                  \
    {                                                                                                        \
        OPT_HEAD(OPTION_CHOICE, letter, name, field, argument), .choices = choices_, .fallback = fallback_,  \
                                                                .help = __VA_ARGS__                          \
    }
#define OPT_INTEGER(letter, name, field, argument, fallback_, range, ...)                                    \
    {                                                                                                        \
        OPT_HEAD(OPTION_INTEGER, letter, name, field, argument), .fallback = fallback_, range,               \
                                                                 .help = __VA_ARGS__                         \
    }
#define OPT_REAL(letter, name, field, argument, fallback_, range, ...)                                       \
    {                                                                                                        \
        OPT_HEAD(OPTION_REAL, letter, name, field, argument), .fallback = fallback_, range,                  \
                                                              .help = __VA_ARGS__                            \
    }
#define OPT_DURATION(letter, name, field, fallback_, range, ...)                                             \
    {                                                                                                        \
        OPT_HEAD(OPTION_DURATION, letter, name, field, "DURATION"), .fallback = fallback_, range,            \
                                                                    .help = __VA_ARGS__                      \
    }
#define OPT_SIZE(letter, name, field, fallback_, range, ...)                                                 \
    {                                                                                                        \
        OPT_HEAD(OPTION_SIZE, letter, name, field, "SIZE"), .fallback = fallback_, range,                    \
                                                            .help = __VA_ARGS__                              \
    }
#define OPT_HEAD(kind_, letter_, name_, field_, argument_)                                                   \
    .kind = kind_, .letter = letter_, .name = name_, .offset = field_, .argument = argument_

/* The range of a number, a duration in seconds or a size in bytes. ANY: no bound. */
#define RANGE(lowest, highest) .minimum = lowest, .maximum = highest
#define AT_LEAST(lowest) .minimum = lowest
#define ANY .minimum = 0

struct option_group {
    const char *title;   /* heading in --help */
    const char *section; /* the configuration file's section for this group, and for no other options */
    const struct option_spec *specs;
    size_t count;
    void *settings; /* what the offsets refer to; zeroed by the caller */
};

/* `specs` is an array. */
#define OPTION_GROUP(title, section, specs, settings)                                                        \
    ((struct option_group){title, section, specs, sizeof(specs) / sizeof *(specs), settings})

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
    struct text_list *operands; /* where words go that are not options; NULL: they are an error */
};

#endif
