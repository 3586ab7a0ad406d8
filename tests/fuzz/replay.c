/* Runs a fuzz target on the files in the given folders: for compilers without libFuzzer, and as a regression
 * test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    enum { LONGEST = 1 << 20 };
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(LONGEST);
    int failed = !file || !data;
    if (!failed) {
        size_t size = fread(data, 1, LONGEST, file);
        /* A copy of just that size, so that a sanitizer sees what is read beyond it. */
        uint8_t *exact = malloc(size > 0 ? size : 1);
        failed = !exact;
        for (size_t i = 0; !failed && i < size; i++)
            exact[i] = data[i];
        if (!failed)
            LLVMFuzzerTestOneInput(exact, size);
        free(exact);
    }
    if (file)
        fclose(file);
    free(data);
    return failed;
}

static int replay_folder(const char *folder)
{
    DIR *directory = opendir(folder);
    struct dirent *entry;
    int count = 0, failed = 0;
    while (directory && (entry = readdir(directory))) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        failed += replay(path);
        count++;
    }
    if (directory)
        closedir(directory);
    printf("%s: %d inputs\n", folder, count);
    return count == 0 || failed > 0;
}

int main(int argc, char **argv)
{
    int status = argc < 2;
    for (int i = 1; i < argc; i++)
        status |= replay_folder(argv[i]);
    return status;
}
