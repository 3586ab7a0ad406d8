#include "settings.h"

#include <stddef.h>

#define FIELD(name) offsetof(struct http_settings, name)

static const struct option_spec specs[] = {
    OPT_TEXT(
        0, "http", FIELD(at), "ADDR:PORT",
        "serve /metrics (Prometheus), /healthz, /readyz and /status (JSON) there; a port alone is on the loopback address, "
        "port 0 is any that is free (the log says which, and status finds it); '' is nowhere. There is no access control: "
        "keep it on an address that only monitoring reaches"),
    OPT_LIST(
        0, "http-host", FIELD(hosts), "NAME",
        "host name by which others ask for it, as monitoring on another machine does; may be given several times. "
        "Requests for an IP address, localhost or the name in --http are answered anyway, others with 421"),
};

struct option_group http_options(const char *section, struct http_settings *settings)
{
    return OPTION_GROUP("Monitoring", section, specs, settings);
}

bool http_settings_complete(struct http_settings *settings, struct error *error)
{
    struct error reason;
    if (settings->at && *settings->at == '\0')
        settings->at = NULL;
    return !settings->at || http_address_parse(settings->at, &settings->address, &reason) ||
           error_set(error, "--http: %s", reason.text);
}
