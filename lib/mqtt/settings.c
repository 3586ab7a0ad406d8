#include "settings.h"
#include "options/warnings.h"
#include "topic.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* In our words, then in those of mosquitto_pub, and what each means. */
static const char *const versions[] = {"5", "3.1.1", "mqttv5", "mqttv311", "311", NULL};
static const int version_meant[] = {MQTT_VERSION_5, MQTT_VERSION_311, MQTT_VERSION_5, MQTT_VERSION_311,
                                    MQTT_VERSION_311};

#define FIELD(name) offsetof(struct mqtt_settings, name)

static const struct option_spec specs[] = {
    OPT_TEXT('h', "host", FIELD(host), "HOST",
             "the MQTT broker's host name or address; or mqtt://HOST[:PORT], or mqtts:// (TLS)",
             .fallback = "localhost", .env = "MQTT_HOST"),
    OPT_INTEGER('p', "port", FIELD(port), "PORT", NULL, RANGE(1, 65535),
                "the MQTT broker's port; without one 1883, with TLS 8883", .env = "MQTT_PORT"),
    OPT_TEXT('i', "id", FIELD(client_id), "ID", "client id; without one a suitable one is made up"),
    OPT_CHOICE(
        'V', "mqtt-version", FIELD(version), "VERSION", versions, "5",
        "protocol version: 5 or 3.1.1 (which has no properties), or the same as mqttv5, mqttv311 and 311"),
    OPT_DURATION('k', "keepalive", FIELD(keepalive), "30s", RANGE(1, 65535),
                 "longest silence before the broker is asked whether it is still there"),
    OPT_TEXT('u', "username", FIELD(username), "NAME", "user name for the broker", .env = "MQTT_USERNAME"),
    OPT_SECRET("password", FIELD(password),
               "password for the broker, from the environment or the configuration file only",
               .env = "MQTT_PASSWORD", .refused_letter = 'P'),
    OPT_TEXT(
        0, "password-file", FIELD(password_file), "FILE",
        "file whose first line is the password for the broker; read for each connection, so it may change"),
    OPT_FLAG(0, "tls", FIELD(tls),
             "connect with TLS and trust the system's certificate authorities, unless --cafile names others"),
    OPT_TEXT(0, "cafile", FIELD(ca_file), "FILE",
             "certificate authorities to trust, in PEM format; implies --tls"),
    OPT_TEXT(0, "capath", FIELD(ca_directory), "FOLDER",
             "folder of certificate authorities to trust, prepared by 'openssl rehash'; implies --tls"),
    OPT_TEXT(0, "cert", FIELD(cert_file), "FILE",
             "client certificate in PEM format, with its chain; implies --tls"),
    OPT_TEXT(0, "key", FIELD(key_file), "FILE",
             "the client certificate's private key in PEM format; without it in the file of --cert"),
    OPT_SECRET("key-password", FIELD(key_password),
               "passphrase of the private key, from the environment or the configuration file only"),
    OPT_TEXT(0, "key-password-file", FIELD(key_password_file), "FILE",
             "file whose first line is the passphrase of the private key"),
    OPT_FLAG(
        0, "insecure", FIELD(insecure),
        "do not check that the broker's certificate is for its host name: whoever has a certificate of a trusted authority can then pass for the broker"),
    OPT_TEXT(0, "tls-alpn", FIELD(tls_alpn), "PROTOCOL",
             "application protocol to ask for with TLS (ALPN), where several share a port"),
    OPT_TEXT(0, "will-topic", FIELD(will_topic), "TOPIC",
             "topic of a message that the broker publishes when the program is gone without a DISCONNECT"),
    OPT_TEXT(0, "will-payload", FIELD(will_payload), "TEXT", "what that message says; nothing without it"),
    OPT_INTEGER(0, "will-qos", FIELD(will_qos), "QOS", "0", RANGE(0, 2), "its quality of service: 0, 1 or 2"),
    OPT_FLAG(0, "will-retain", FIELD(will_retain), "it is retained"),
    OPT_DURATION(
        0, "will-delay", FIELD(will_delay), NULL, RANGE(0, 4294967295),
        "how long the broker waits for the program to come back before it publishes that message (MQTT 5)"),
};

struct option_group mqtt_options(struct mqtt_settings *settings)
{
    return OPTION_GROUP("MQTT", "mqtt", specs, settings);
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
    settings->version = version_meant[settings->version];
    if (settings->client_id && settings->client_id[strspn(settings->client_id, " \t")] == '\0')
        return error_set(
            error,
            "--id is empty: the broker knows a session by its client's id. Give one, or leave out --id for one that is made up");
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
