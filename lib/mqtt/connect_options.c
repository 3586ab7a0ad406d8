#include "connect_options.h"

#include "core/clock.h"
#include "core/secret.h"
#include "paho_incoming.h"

#include <string.h>

enum { CONNECT_TIMEOUT_SECONDS = 10 };

static bool read_one(const char *file, const char *text, char **secret, struct error *error)
{
    if (!file && !text)
        return true;
    *secret = file ? secret_read(file, error) : strdup(text);
    return *secret || (!file && error_set(error, "out of memory"));
}

bool mqtt_secrets_read(const struct mqtt_settings *settings, struct mqtt_secrets *secrets,
                       struct error *error)
{
    *secrets = (struct mqtt_secrets){0};
    return read_one(settings->password_file, settings->password, &secrets->password, error) &&
           read_one(settings->key_password_file, settings->key_password, &secrets->key_password, error);
}

void mqtt_secrets_free(struct mqtt_secrets *secrets)
{
    secret_free(secrets->password);
    secret_free(secrets->key_password);
    *secrets = (struct mqtt_secrets){0};
}

static void add_number(MQTTProperties *properties, enum MQTTPropertyCodes code, uint32_t value)
{
    MQTTProperty property = {.identifier = code};
    if (MQTTProperty_getType(code) == MQTTPROPERTY_TYPE_TWO_BYTE_INTEGER)
        property.value.integer2 = (uint16_t)value;
    else
        property.value.integer4 = value;
    MQTTProperties_add(properties, &property);
}

static void prepare_session(struct mqtt_connect *connect, const struct mqtt_settings *settings,
                            const struct mqtt_session *session, enum mqtt_start start,
                            uint16_t receive_maximum)
{
    MQTTAsync_connectOptions five = MQTTAsync_connectOptions_initializer5,
                             three = MQTTAsync_connectOptions_initializer;
    if (settings->version == MQTT_VERSION_5) {
        connect->options = five;
        connect->options.cleanstart = start != MQTT_START_RESUME;
        connect->options.connectProperties = &connect->properties;
        add_number(&connect->properties, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, session->session_expiry);
        if (receive_maximum)
            add_number(&connect->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, receive_maximum);
        if (session->message_max && !PAHO_IS_BOUNDED)
            add_number(&connect->properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE,
                       (uint32_t)session->message_max);
    } else {
        connect->options = three;
        connect->options.MQTTVersion = MQTTVERSION_3_1_1;
        connect->options.cleansession = session->session_expiry == 0 || start == MQTT_START_ERASE;
    }
}

static void prepare_tls(struct mqtt_connect *connect, const struct mqtt_settings *settings,
                        const char *key_password)
{
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    connect->tls = tls;
    connect->options.ssl = &connect->tls;
    connect->tls.trustStore = settings->ca_file;
    connect->tls.CApath = settings->ca_directory;
    connect->tls.keyStore = settings->cert_file;
    connect->tls.privateKey = settings->key_file;
    connect->tls.privateKeyPassword = key_password ? key_password : ""; /* else OpenSSL asks the terminal */
    connect->tls.verify = !settings->insecure;
    if (settings->tls_alpn) {
        size_t length = strlen(settings->tls_alpn);
        connect->alpn[0] = (unsigned char)length;
        memcpy(connect->alpn + 1, settings->tls_alpn, length + 1);
        connect->tls.protos = connect->alpn;
        connect->tls.protos_len = (unsigned)length + 1;
    }
}

static void prepare_will(struct mqtt_connect *connect, const struct mqtt_settings *settings)
{
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    connect->will = will;
    connect->options.will = &connect->will;
    connect->will.topicName = settings->will_topic;
    connect->will.message = settings->will_payload;
    connect->will.qos = (int)settings->will_qos;
    connect->will.retained = settings->will_retain;
    if (settings->version == MQTT_VERSION_5 && settings->will_delay) {
        add_number(&connect->will_properties, MQTTPROPERTY_CODE_WILL_DELAY_INTERVAL,
                   (uint32_t)(settings->will_delay / SECOND));
        connect->options.willProperties = &connect->will_properties;
    }
}

void mqtt_connect_prepare(struct mqtt_connect *connect, const struct mqtt_settings *settings,
                          const struct mqtt_session *session, const struct mqtt_secrets *secrets,
                          enum mqtt_start start, uint16_t receive_maximum)
{
    const MQTTProperties none = MQTTProperties_initializer;
    connect->properties = connect->will_properties = none;
    prepare_session(connect, settings, session, start, receive_maximum);
    connect->options.keepAliveInterval = (int)(settings->keepalive / SECOND);
    connect->options.connectTimeout = CONNECT_TIMEOUT_SECONDS;
    connect->options.username = settings->username;
    connect->options.password = secrets->password;
    connect->options.maxInflight = 65535; /* our window is what bounds it */
    if (settings->address.tls)
        prepare_tls(connect, settings, secrets->key_password);
    if (settings->will_topic)
        prepare_will(connect, settings);
}

void mqtt_connect_release(struct mqtt_connect *connect)
{
    MQTTProperties_free(&connect->properties);
    MQTTProperties_free(&connect->will_properties);
}
