#include "probe.h"

#include "core/clock.h"
#include "tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE (3 * SECOND)

/* How long a broker may take to refuse a client's certificate: with TLS 1.3 it does so after the handshake.
 */
#define ALERT_PATIENCE (1 * SECOND)

struct probe {
    const struct mqtt_settings *settings;
    const char *address; /* numeric; NULL: as the host is resolved */
    int fd, cancel;
    int64_t deadline; /* monotonic ns */
    SSL *ssl;
    struct error *why;
};

/* Waits for the socket. False when cancelled or too late. */
static bool ready(struct probe *p, short events)
{
    int64_t left = p->deadline - clock_monotonic();
    struct pollfd wait[] = {{.fd = p->fd, .events = events}, {.fd = p->cancel, .events = POLLIN}};
    const struct timespec timeout = {.tv_sec = left / SECOND, .tv_nsec = left % SECOND};
    return left > 0 && ppoll(wait, 2, &timeout, NULL) > 0 && !wait[1].revents;
}

static enum mqtt_probe_result connect_socket(struct probe *p)
{
    const struct mqtt_address *broker = &p->settings->address;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list;
    char port[16];
    snprintf(port, sizeof port, "%d", broker->port);
    int rc = getaddrinfo(p->address ? p->address : broker->host, port, &hints, &list);
    if (rc != 0) {
        error_set(p->why, "the host '%s' is not found: %s", broker->host,
                  rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
        return MQTT_PROBE_MAY_PASS;
    }
    p->fd = socket(list->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    rc = p->fd < 0 ? errno : connect(p->fd, list->ai_addr, list->ai_addrlen) == 0 ? 0 : errno;
    freeaddrinfo(list);
    socklen_t size = sizeof rc;
    if (rc == EINPROGRESS &&
        (!ready(p, POLLOUT) || getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &rc, &size) != 0)) {
        error_set(p->why, "no answer");
        return MQTT_PROBE_MAY_PASS;
    }
    if (rc == 0)
        return MQTT_PROBE_REACHED;
    error_set(p->why, "%s", strerror(rc));
    return MQTT_PROBE_MAY_PASS;
}

/* ---- TLS ---- */

/* The broker's certificate is not accepted. */
static enum mqtt_probe_result explain_verification(struct probe *p, long result)
{
    const char *reason = X509_verify_cert_error_string(result), *authorities = p->settings->ca_file;
    if (result == X509_V_ERR_CERT_HAS_EXPIRED || result == X509_V_ERR_CERT_NOT_YET_VALID) {
        error_set(p->why, "its certificate is refused: %s: renew it, or set the clock of this machine",
                  reason);
        return MQTT_PROBE_MAY_PASS; /* both can pass by themselves */
    }
    if (!authorities)
        authorities = p->settings->ca_directory ? p->settings->ca_directory : "the system's authorities";
    error_set(
        p->why,
        "its certificate is refused: it does not come from a trusted authority (%s; trusted are those of %s): name the right ones with --cafile",
        reason, authorities);
    return MQTT_PROBE_NEEDS_USER;
}

/* The broker has closed the connection, or has sent an alert (RFC 8446 section 6.2), which stands in
 * OpenSSL's queue. */
static enum mqtt_probe_result explain_end(struct probe *p)
{
    const char *certificate = p->settings->cert_file;
    int reason = ERR_GET_REASON(ERR_peek_error());
    switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
        error_set(p->why, "it does not speak TLS on this port: leave out TLS or choose another port");
        return MQTT_PROBE_NEEDS_USER;
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
        if (certificate)
            error_set(p->why, "it refuses the client certificate %s: %s", certificate, mqtt_tls_reason());
        else
            error_set(p->why, "it wants a client certificate (%s): give one with --cert and --key",
                      mqtt_tls_reason());
        return MQTT_PROBE_NEEDS_USER;
    case 0:
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        error_set(p->why, "it closes the connection when TLS begins: does it speak TLS on this port?");
        return MQTT_PROBE_MAY_PASS;
    default:
        error_set(p->why, "TLS failed: %s", mqtt_tls_reason());
        return MQTT_PROBE_MAY_PASS;
    }
}

/* The names and addresses that the certificate is for, as far as they fit. */
static void list_names(X509 *certificate, char *text, size_t size)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    size_t length = 0;
    *text = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && length < size; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        char address[INET6_ADDRSTRLEN] = "";
        const char *item = address;
        if (name->type == GEN_DNS)
            item = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
        else if (name->type == GEN_IPADD)
            inet_ntop(ASN1_STRING_length(name->d.iPAddress) == 4 ? AF_INET : AF_INET6,
                      ASN1_STRING_get0_data(name->d.iPAddress), address, sizeof address);
        if (*item)
            length += (size_t)snprintf(text + length, size - length, "%s%s", length ? ", " : "", item);
    }
    GENERAL_NAMES_free(names);
    if (!*text) /* what certificates had before there were alternative names */
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, (int)size);
}

static enum mqtt_probe_result check_name(struct probe *p)
{
    const char *host = p->settings->address.host;
    X509 *certificate = SSL_get0_peer_certificate(p->ssl);
    char names[300];
    if (p->settings->insecure || !certificate || X509_check_host(certificate, host, 0, 0, NULL) == 1 ||
        X509_check_ip_asc(certificate, host, 0) == 1)
        return MQTT_PROBE_REACHED;
    list_names(certificate, names, sizeof names);
    error_set(
        p->why,
        "its certificate is refused: it is for %s, not for '%s': give --host a name that it is for, or change the certificate",
        *names ? names : "no name", host);
    return MQTT_PROBE_NEEDS_USER;
}

/* Does what SSL_connect and SSL_read have in common: OpenSSL says what it waits for. True when it is done;
 * *failed: it cannot be. */
static bool step(struct probe *p, int rc, bool *failed)
{
    int error = rc > 0 ? SSL_ERROR_NONE : SSL_get_error(p->ssl, rc);
    *failed = error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
    if (error == SSL_ERROR_NONE || *failed)
        return true;
    return !ready(p, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT);
}

static enum mqtt_probe_result shake_hands(struct probe *p)
{
    bool failed;
    int rc;
    do {
        ERR_clear_error();
        rc = SSL_connect(p->ssl);
    } while (!step(p, rc, &failed));
    long verified = SSL_get_verify_result(p->ssl);
    if (failed)
        return verified != X509_V_OK ? explain_verification(p, verified) : explain_end(p);
    if (rc <= 0) {
        error_set(p->why, "no answer when TLS begins: does it speak TLS on this port?");
        return MQTT_PROBE_MAY_PASS;
    }
    enum mqtt_probe_result result = check_name(p);
    if (result != MQTT_PROBE_REACHED)
        return result;
    char ignored;
    p->deadline = clock_monotonic() + ALERT_PATIENCE;
    do {
        ERR_clear_error();
        rc = SSL_read(p->ssl, &ignored, 1);
    } while (!step(p, rc, &failed));
    return failed && ERR_peek_error() ? explain_end(p) : MQTT_PROBE_REACHED;
}

static enum mqtt_probe_result start_tls(struct probe *p, const char *key_password)
{
    SSL_CTX *context = mqtt_tls_context(p->settings, key_password, p->why);
    enum mqtt_probe_result result = MQTT_PROBE_NEEDS_USER;
    if (!context)
        return result;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    p->ssl = SSL_new(context);
    if (p->ssl && SSL_set_fd(p->ssl, p->fd) == 1 &&
        SSL_set_tlsext_host_name(p->ssl, p->settings->address.host) == 1)
        result = shake_hands(p);
    else
        error_set(p->why, "TLS cannot be used: %s", mqtt_tls_reason());
    SSL_free(p->ssl);
    SSL_CTX_free(context);
    ERR_clear_error();
    return result;
}

enum mqtt_probe_result mqtt_probe(const struct mqtt_settings *settings, const char *key_password,
                                  const char *address, int cancel, struct error *why)
{
    struct probe p = {
        .settings = settings,
        .address = address,
        .fd = -1,
        .cancel = cancel,
        .deadline = clock_monotonic() + PATIENCE,
        .why = why,
    };
    enum mqtt_probe_result result = connect_socket(&p);
    if (result == MQTT_PROBE_REACHED && settings->address.tls)
        result = start_tls(&p, key_password);
    if (p.fd >= 0)
        close(p.fd);
    return result;
}
