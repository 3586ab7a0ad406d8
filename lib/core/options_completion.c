#include "options_table.h"

#include <stdio.h>
#include <string.h>

/* What the shells offer are the installed programs, see cmake/Sensors.cmake. */
#define INSTALLED_PREFIX "roomstream-"

static bool takes(const struct option_spec *spec, const char *argument)
{
    return spec->argument && strcmp(spec->argument, argument) == 0;
}

static bool repeats(const struct option_spec *spec)
{
    return spec->kind == OPTION_LIST || spec->kind == OPTION_PROPERTIES;
}

static void print_choices(const struct option_spec *spec)
{
    for (size_t i = 0; spec->choices[i]; i++)
        printf("%s%s", i ? " " : "", spec->choices[i]);
}

/* ---- bash: a function for complete -F (bash(1), Programmable Completion) ---- */

/* What follows the option; where it sets no words, readline completes file or folder names, or nothing. */
static void print_bash_case(const struct option_spec *spec)
{
    if (spec->letter)
        printf("    -%c | --%s) ", spec->letter, spec->name);
    else
        printf("    --%s) ", spec->name);
    if (spec->kind == OPTION_CHOICE) {
        printf("words='");
        print_choices(spec);
        printf("' ");
    } else if (takes(spec, "FILE")) {
        printf("compopt -o default ");
    } else if (takes(spec, "FOLDER")) {
        printf("compopt -o dirnames ");
    }
    printf(";;\n");
}

static void print_bash_names(const struct option_table *table)
{
    const char *blank = "";
    printf("    *) [[ $assigned ]] || words='");
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].spec->kind != OPTION_SECRET) {
            printf("%s--%s", blank, table->rows[i].spec->name);
            blank = " ";
        }
    printf("' ;;\n");
}

/* --NAME=VALUE and -X NAME=VALUE come with NAME, = and VALUE as a word each, since COMP_WORDBREAKS has the
 * equals sign. */
static void print_bash(const struct program *program, const struct option_table *table)
{
    printf("# Completion for bash of " INSTALLED_PREFIX "%s, made from its options.\n"
           "_" INSTALLED_PREFIX "%s() {\n"
           "    local IFS=$' \\t\\n' words= assigned=\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]}\n"
           "    if [[ $word == = ]]; then\n"
           "        word= assigned=yes\n"
           "    elif [[ $option == = ]]; then\n"
           "        option=${COMP_WORDS[COMP_CWORD - 2]} assigned=yes\n"
           "    fi\n"
           "    case $option in\n",
           program->name, program->name);
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].spec->argument)
            print_bash_case(table->rows[i].spec);
    print_bash_names(table);
    printf("    esac\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
           "}\n"
           "complete -F _" INSTALLED_PREFIX "%s " INSTALLED_PREFIX "%s\n",
           program->name, program->name);
}

/* ---- zsh: a function for _arguments (zshcompsys(1)) ---- */

/* Within single quotes; _arguments takes a character after a backslash as it is. */
static void print_zsh_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'') {
            printf("'\\''");
            continue;
        }
        if (strchr("\\[]:", *text))
            putchar('\\');
        putchar(*text);
    }
}

static void print_zsh_action(const struct option_spec *spec)
{
    putchar(':');
    print_zsh_text(spec->argument);
    putchar(':');
    if (spec->kind == OPTION_CHOICE) {
        putchar('(');
        print_choices(spec);
        putchar(')');
    } else if (takes(spec, "FILE")) {
        printf("_files");
    } else if (takes(spec, "FOLDER")) {
        printf("_files -/");
    } else {
        putchar(' '); /* nothing to offer */
    }
}

/* One name of an option. It excludes the other unless the option may be repeated. */
static void print_zsh_name(const struct option_spec *spec, const char *name, const char *value_mark)
{
    printf("    '");
    if (repeats(spec))
        putchar('*');
    else if (spec->letter)
        printf("(-%c --%s)", spec->letter, spec->name);
    printf("%s%s[", name, spec->argument ? value_mark : "");
    print_zsh_text(spec->help);
    putchar(']');
    if (spec->argument)
        print_zsh_action(spec);
    printf("' \\\n");
}

static void print_zsh(const struct program *program, const struct option_table *table)
{
    printf("#compdef " INSTALLED_PREFIX "%s\n"
           "# Completion for zsh of " INSTALLED_PREFIX "%s, made from its options.\n"
           "_arguments -s \\\n",
           program->name, program->name);
    for (size_t i = 0; i < table->count; i++) {
        const struct option_spec *spec = table->rows[i].spec;
        const char letter[] = {'-', spec->letter, '\0'};
        char name[80];
        snprintf(name, sizeof name, "--%s", spec->name);
        if (spec->kind == OPTION_SECRET)
            continue;
        if (spec->letter)
            print_zsh_name(spec, letter, "+");
        print_zsh_name(spec, name, "=");
    }
    printf("    && return\n");
}

const char *const completion_shells[] = {"bash", "zsh", NULL};

void options_print_completion(const struct program *program, const struct option_table *table, int shell)
{
    (shell == 0 ? print_bash : print_zsh)(program, table);
}
