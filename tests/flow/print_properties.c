/* What our readers make of files: as java/ReadProperties.java, but each word stands in hexadecimal, and what
 * is refused is followed by the reason. */
#include "kafka/jaas.h"
#include "options/properties_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_word(const char *word)
{
    putchar(' ');
    for (; *word; word++)
        printf("%02x", (unsigned)(unsigned char)*word);
}

static void print_words(const char *path, const char *one, const char *two)
{
    printf("%s", strrchr(path, '/') + 1);
    print_word(one);
    print_word(two);
    putchar('\n');
}

static void print_refusal(const char *path, const struct error *error)
{
    printf("%s - %s\n", strrchr(path, '/') + 1, error->text);
}

static void print_properties(const char *path)
{
    struct config_file file;
    struct error error;
    if (!properties_file_read(path, &file, &error)) {
        print_refusal(path, &error);
        return;
    }
    for (size_t i = 0; i < file.count; i++)
        print_words(path, file.entries[i].key, file.entries[i].value);
    config_file_free(&file);
}

static void print_login(const char *path)
{
    char text[4096];
    struct jaas_login login;
    struct error error;
    FILE *file = fopen(path, "r");
    if (!file)
        abort();
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    if (jaas_read(text, &login, &error))
        print_words(path, login.username, login.password);
    else
        print_refusal(path, &error);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strstr(argv[i], ".jaas"))
            print_login(argv[i]);
        else
            print_properties(argv[i]);
    return 0;
}
