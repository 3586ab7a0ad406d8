#include "settings.h"
#include "core/clock.h"
#include "core/options_warnings.h"
#include "topic.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* In the order of enum mqtt_version, first in our words, then in those of mosquitto_pub. */
static const char *const versions[] = {"5", "3.1.1", "mqttv5", "mqttv311", NULL};

#define AT(field) .offset = offsetof(struct mqtt_settings, field)

static const struct option_spec specs[] = {
    {.name = "host",
     .letter = 'h',
     .kind = OPTION_TEXT,
     .argument = "HOST",
     .fallback = "localhost",
     .env = "MQTT_HOST",
     AT(host),
     .help = "the MQTT broker's host name or address; or mqtt://HOST[:PORT], or mqtts:// (TLS)"},
    {.name = "port",
     .letter = 'p',
     .kind = OPTION_INTEGER,
     .argument = "PORT",
     .env = "MQTT_PORT",
     .minimum = 1,
     .maximum = 65535,
     AT(port),
     .help = "the MQTT broker's port; without one 1883, with TLS 8883"},
    {.name = "id",
     .letter = 'i',
     .kind = OPTION_TEXT,
     .argument = "ID",
     AT(client_id),
     .help = "client id; without one a suitable one is made up"},
    {.name = "mqtt-version",
     .letter = 'V',
     .kind = OPTION_CHOICE,
     .argument = "VERSION",
     .choices = versions,
     .fallback = "5",
     AT(version),
     .help = "protocol version: 5 or 3.1.1 (which has no properties), or the same as mqttv5 and mqttv311"},
    {.name = "keepalive",
     .letter = 'k',
     .kind = OPTION_DURATION,
     .argument = "DURATION",
     .fallback = "30s",
     .minimum = 1,
     .maximum = 65535,
     AT(keepalive),
     .help = "longest silence before the broker is asked whether it is still there"},
    {.name = "username",
     .letter = 'u',
     .kind = OPTION_TEXT,
     .argument = "NAME",
     .env = "MQTT_USERNAME",
     AT(username),
     .help = "user name for the broker"},
    {.name = "password",
     .kind = OPTION_SECRET,
     .env = "MQTT_PASSWORD",
     AT(password),
     .help = "password for the broker, from the environment or the configuration file only"},
    {.name = "password-file",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     AT(password_file),
     .help =
         "file whose first line is the password for the broker; read for each connection, so it may change"},
    {.name = "tls",
     .kind = OPTION_FLAG,
     AT(tls),
     .help = "connect with TLS and trust the system's certificate authorities, unless --cafile names others"},
    {.name = "cafile",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     AT(ca_file),
     .help = "certificate authorities to trust, in PEM format; implies --tls"},
    {.name = "capath",
     .kind = OPTION_TEXT,
     .argument = "FOLDER",
     AT(ca_directory),
     .help = "folder of certificate authorities to trust, prepared by 'openssl rehash'; implies --tls"},
    {.name = "cert",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     AT(cert_file),
     .help = "client certificate in PEM format, with its chain; implies --tls"},
    {.name = "key",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     AT(key_file),
     .help = "the client certificate's private key in PEM format; without it in the file of --cert"},
    {.name = "key-password",
     .kind = OPTION_SECRET,
     AT(key_password),
     .help = "passphrase of the private key, from the environment or the configuration file only"},
    {.name = "key-password-file",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     AT(key_password_file),
     .help = "file whose first line is the passphrase of the private key"},
    {.name = "insecure",
     .kind = OPTION_FLAG,
     AT(insecure),
     .help =
         "do not check that the broker's certificate is for its host name: whoever has a certificate of a "
         "trusted authority can then pass for the broker"},
    {.name = "tls-alpn",
     .kind = OPTION_TEXT,
     .argument = "PROTOCOL",
     AT(tls_alpn),
     .help = "application protocol to ask for with TLS (ALPN), where several share a port"},
    {.name = "will-topic",
     .kind = OPTION_TEXT,
     .argument = "TOPIC",
     AT(will_topic),
     .help = "topic of a message that the broker publishes when the program is gone without a goodbye"},
    {.name = "will-payload",
     .kind = OPTION_TEXT,
     .argument = "TEXT",
     AT(will_payload),
     .help = "what that message says; nothing without it"},
    {.name = "will-qos",
     .kind = OPTION_INTEGER,
     .argument = "QOS",
     .fallback = "0",
     .minimum = 0,
     .maximum = 2,
     AT(will_qos),
     .help = "its quality of service: 0, 1 or 2"},
    {.name = "will-retain", .kind = OPTION_FLAG, AT(will_retain), .help = "it is retained"},
    {.name = "will-delay",
     .kind = OPTION_DURATION,
     .argument = "DURATION",
     .minimum = 0,
     .maximum = 4294967295,
     AT(will_delay),
     .help =
         "how long the broker waits for the program to come back before it publishes that message (MQTT 5)"},
};

struct option_group mqtt_options(struct mqtt_settings *settings)
{
    return (struct option_group){"MQTT", "mqtt", specs, sizeof specs / sizeof *specs, settings};
}

static bool check_will(const struct mqtt_settings *settings, struct error *error)
{
    struct error reason;
    if (!settings->will_topic)
        return (!settings->will_payload && settings->will_qos == 0 && !settings->will_retain &&
                settings->will_delay == 0) ||
               error_set(error, "the other options of a will need --will-topic");
    if (!mqtt_topic_check(settings->will_topic, &reason))
        return error_set(error, "--will-topic: '%s': %s", settings->will_topic, reason.text);
    if (settings->will_payload && strlen(settings->will_payload) > 65535)
        return error_set(error, "--will-payload is too long: %zu bytes, at most 65535",
                         strlen(settings->will_payload));
    return settings->will_delay == 0 || settings->version == MQTT_VERSION_5 ||
           error_set(error, "--will-delay needs --mqtt-version 5");
}

static bool check_credentials(const struct mqtt_settings *settings, struct error *error)
{
    bool password = settings->password || settings->password_file;
    if (password && !settings->username && settings->version == MQTT_VERSION_311)
        return error_set(error,
                         "a password without --username needs --mqtt-version 5 (MQTT 3.1.1 section 3.1.2.9)");
    if (settings->key_file && !settings->cert_file)
        return error_set(error, "--key needs --cert, the certificate that it belongs to");
    if (settings->tls_alpn && (*settings->tls_alpn == '\0' || strlen(settings->tls_alpn) > 255))
        return error_set(error, "--tls-alpn is 1 to 255 bytes long");
    return true;
}

/* Paho sends every connection through the proxies of http_proxy and https_proxy, to localhost too, and knows
 * no no_proxy. Under the name in capitals others still find theirs (libcurl, with which librdkafka fetches
 * tokens). */
static bool hide_proxies_from_paho(struct error *error)
{
    const char *https = getenv("https_proxy");
    if ((!https || setenv("HTTPS_PROXY", https, 0) == 0) && unsetenv("https_proxy") == 0 &&
        unsetenv("http_proxy") == 0)
        return true;
    return error_set(error, "the environment cannot be changed: %s", strerror(errno));
}

bool mqtt_settings_complete(struct mqtt_settings *settings, struct error *error)
{
    bool tls = settings->tls || settings->ca_file || settings->ca_directory || settings->cert_file;
    settings->version %= 2; /* each has two names */
    if (settings->client_id && settings->client_id[strspn(settings->client_id, " \t")] == '\0')
        return error_set(
            error, "--id is empty: the broker knows a session by its client's id. Give one, or leave out "
                   "--id for one that is made up");
    if (!mqtt_address_parse(settings->host, settings->port, tls, &settings->address, error) ||
        !check_credentials(settings, error) || !check_will(settings, error))
        return false;
    if (!settings->address.tls && (settings->insecure || settings->tls_alpn))
        return error_set(error, "%s needs --tls", settings->insecure ? "--insecure" : "--tls-alpn");
    const char *const secrets[] = {settings->password_file, settings->key_password_file, settings->key_file};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        if (secrets[i])
            options_check_rights(secrets[i], true);
    return hide_proxies_from_paho(error);
}
