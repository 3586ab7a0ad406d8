#include "warnings.h"

#include "core/log.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct text_list exposed, ignored;

void options_check_rights(const char *path, bool secret)
{
    struct stat status;
    char text[1200];
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return;
    unsigned mode = status.st_mode & 07777;
    bool group_writes = (mode & S_IWGRP) && status.st_gid != getegid() && status.st_gid != 0;
    if (group_writes || (mode & S_IWOTH)) {
        snprintf(
            text, sizeof text,
            "%.1000s can be changed by other users (mode %04o), and so can what this program does: chmod go-w",
            path, mode);
        text_list_append(&exposed, text);
    }
    if (secret && (mode & S_IROTH)) {
        snprintf(text, sizeof text,
                 "%.1000s holds a secret, and all users can read it (mode %04o): chmod o-r", path, mode);
        text_list_append(&exposed, text);
    }
}

bool options_is_service_link(const char *variable, const char *value)
{
    static const char *const schemes[] = {"tcp://", "udp://", "sctp://"};
    static const char suffix[] = "_PORT";
    size_t length = strlen(variable);
    char text[300];
    if (length < strlen(suffix) || strcmp(variable + length - strlen(suffix), suffix) != 0)
        return false;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncmp(value, schemes[i], strlen(schemes[i])) == 0) {
            snprintf(
                text, sizeof text,
                "the environment variable %s is ignored: '%.100s' is what Kubernetes or Docker sets for a service "
                "of that name (enableServiceLinks: false leaves it out)",
                variable, value);
            text_list_append(&ignored, text);
            return true;
        }
    return false;
}

void options_log_warnings(void)
{
    for (size_t i = 0; i < ignored.count; i++)
        log_warning(variable_ignored, "%s", ignored.items[i]);
    for (size_t i = 0; i < exposed.count; i++)
        log_warning(file_exposed, "%s", exposed.items[i]);
    options_forget_warnings();
}

void options_forget_warnings(void)
{
    text_list_free(&ignored);
    text_list_free(&exposed);
}
