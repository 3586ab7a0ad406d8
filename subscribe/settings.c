#include "settings.h"

#include "mqtt/topic.h"
#include "options/log_options.h"

#include <stddef.h>

#define FIELD(name) offsetof(struct subscribe_settings, name)

static const struct option_spec subscription_specs[] = {
    OPT_LIST(
        't', "topic", FIELD(filters), "FILTER",
        "topic or topic filter (+ for one level, # for all that follow, $share/GROUP/FILTER to share the messages with others); may be repeated"),
    OPT_LIST('T', "filter-out", FIELD(filters_out), "FILTER",
             "leave out the messages of topics that match; may be repeated"),
    OPT_LIST(
        'U', "unsubscribe", FIELD(unsubscribe), "FILTER",
        "give up a subscription of the session that --disable-clean-session continues, after subscribing to the others; may be repeated"),
    OPT_INTEGER('q', "qos", FIELD(qos), "0|1|2", "0", RANGE(0, 2),
                "QoS of the subscriptions: at 0 the broker may drop messages that are not read fast enough"),
    OPT_FLAG(
        'c', "disable-clean-session", FIELD(keep_session),
        "continue the session of this --id: its subscriptions, and the messages of QoS 1 and 2 that the broker has kept meanwhile; and leave it at the end"),
    OPT_DURATION(
        'x', "session-expiry", FIELD(session_expiry), NULL, RANGE(0, UINT32_MAX),
        "how long the broker keeps the session while this client is away, with MQTT 5; without this option not at all, "
        "or without end with --disable-clean-session"),
    OPT_FLAG('R', "no-retained", FIELD(no_retained),
             "leave out retained messages, those from before the subscription"),
    OPT_FLAG(0, "retained-only", FIELD(retained_only),
             "print retained messages only and end with status 0 at the first other one"),
    OPT_INTEGER('C', "count", FIELD(count), "N", NULL, RANGE(1, 9e15), "end with status 0 after N messages"),
    OPT_DURATION('W', "timeout", FIELD(timeout), NULL, RANGE(0.001, 1e9),
                 "end with status 27 after this time, counted from the start of the program"),
    OPT_FLAG('E', "subscribe-only", FIELD(subscribe_only),
             "end with status 0 as soon as the broker has granted the subscriptions"),
};

static const struct option_spec print_specs[] = {
    OPT_FLAG('d', "debug", FIELD(debug), "log what happens with the connection: --log-level debug"),
    OPT_FLAG(0, "quiet", FIELD(quiet), "do not say on a terminal that it waits for messages"),
    OPT_FLAG('v', "verbose", FIELD(verbose), "print the topic and a space before each payload"),
    OPT_TEXT(
        'F', "output-format", FIELD(format_text), "FORMAT",
        "print each message in this format, whose sequences stand in the description; overrides --verbose"),
    OPT_FLAG('J', "json", FIELD(json),
             "print each message as a JSON object on a line, with its properties; overrides --verbose"),
    OPT_FLAG(0, "pretty", FIELD(pretty), "indent the JSON of --json, %j and %J: a member a line"),
    OPT_FLAG('N', "no-newline", FIELD(no_newline), "print no newline after each message"),
    OPT_FLAG(
        0, "stats", FIELD(stats),
        "log a line a second with the rate and with how many messages are missing or doubled by seq, and a total; "
        "print no messages, unless another option of this group is given"),
};

static const char details[] =
    "Each message is printed on standard output as its payload, byte for byte, and a newline. "
    "The program waits for a broker that is away, reconnects by itself, "
    "and ends with status 0 when it is interrupted or nobody reads its output any more.\n\n"
    "In a FORMAT, % and @ and \\ begin what is replaced: %t topic, %p payload, "
    "%x or %X payload in hexadecimal, %l its length, %q QoS, %r retained (0 or 1), %m packet id, "
    "%j all of it as JSON, %J the same with a payload that is JSON, %I time of arrival (ISO 8601), "
    "%U the same in seconds since 1970, %A topic alias, %C content type, %D correlation data, "
    "%E message expiry, %F payload format, %P user properties, %R response topic, "
    "%S subscription identifier; @X is %X of strftime(3) for any one character X, @N the nanoseconds; "
    "\\0 \\a \\e \\n \\r \\t \\v are control characters; %% @@ \\\\ stand for themselves. As in %-20t, "
    "%05l and %.10t, a width, - for left-aligned, 0 for leading zeros and a precision may follow the %.";

struct program settings_program(struct subscribe_settings *settings,
                                struct option_group groups[static SETTINGS_GROUPS],
                                struct option_default defaults[static SETTINGS_DEFAULTS])
{
    groups[0] = OPTION_GROUP("Subscription", "subscription", subscription_specs, settings);
    groups[1] = OPTION_GROUP("Output", "output", print_specs, settings);
    groups[2] = mqtt_options(&settings->mqtt);
    groups[3] = log_options(&settings->log);
    /* On a terminal the messages are what one wants to see. */
    defaults[0] = (struct option_default){"log-level", "warning"};
    return (struct program){
        .name = "subscribe",
        .usage = "-t FILTER... [OPTION]...",
        .summary = "Prints the messages of MQTT topics.",
        .details = details,
        .groups = groups,
        .group_count = SETTINGS_GROUPS,
        .defaults = defaults,
        .default_count = SETTINGS_DEFAULTS,
    };
}

static void check_filters(const struct program *program, const struct text_list *filters, const char *option)
{
    struct error error;
    for (size_t i = 0; i < filters->count; i++)
        if (!mqtt_filter_check(filters->items[i], &error))
            options_wrong(program, "--%s '%s' is not a topic filter: %s", option, filters->items[i],
                          error.text);
}

/* What a shared subscription cannot be used for (MQTT 5 section 4.8.2). */
static void check_shared(const struct program *program, const struct subscribe_settings *settings)
{
    const struct text_list *out = &settings->filters_out, *in = &settings->filters;
    for (size_t i = 0; i < out->count; i++)
        if (mqtt_filter_is_shared(out->items[i]))
            options_wrong(program,
                          "--filter-out '%s' would match nothing: topics have no $share/GROUP/ in them",
                          out->items[i]);
    for (size_t i = 0; i < in->count && settings->retained_only; i++)
        if (mqtt_filter_is_shared(in->items[i]))
            options_wrong(
                program,
                "--retained-only would print nothing of '%s': brokers do not send retained messages to shared subscriptions",
                in->items[i]);
}

static void check_session(const struct program *program, const struct subscribe_settings *settings)
{
    if (settings->keep_session && !settings->mqtt.client_id)
        options_wrong(program, "--disable-clean-session needs --id: by that the broker knows the session");
    if (options_given("session-expiry") && settings->mqtt.version != MQTT_VERSION_5)
        options_wrong(program, "--session-expiry needs --mqtt-version 5");
}

static void check_output(const struct program *program, struct subscribe_settings *settings)
{
    struct error error;
    settings->print = !settings->stats || settings->verbose || settings->format_text || settings->json ||
                      settings->no_newline;
    if (settings->print)
        options_need_stdout(program);
    if (settings->json && settings->format_text)
        options_wrong(program, "--json and --output-format are two ways to print a message: choose one");
    if (settings->json)
        return;
    if (settings->pretty && !settings->format_text)
        options_wrong(program, "--pretty indents JSON: it needs --json, or --output-format with %%j or %%J");
    settings->plain = !settings->format_text;
    if (settings->plain)
        settings->format_text = settings->verbose ? "%t %p" : "%p";
    settings->format = format_parse(settings->format_text, &error);
    if (!settings->format)
        options_wrong(program, "--output-format: %s", error.text);
    if (settings->pretty && !format_indent_json(settings->format))
        options_wrong(program, "--pretty indents JSON: --output-format has no %%j or %%J");
}

void settings_check(const struct program *program, struct subscribe_settings *settings)
{
    struct error error;
    if (!mqtt_settings_complete(&settings->mqtt, &error))
        options_wrong(program, "%s", error.text);
    if (settings->filters.count + settings->unsubscribe.count == 0)
        options_wrong(program, "--topic is missing: which topics are to be printed?");
    check_filters(program, &settings->filters, "topic");
    check_filters(program, &settings->filters_out, "filter-out");
    check_filters(program, &settings->unsubscribe, "unsubscribe");
    check_shared(program, settings);
    check_session(program, settings);
    if (settings->no_retained && settings->retained_only)
        options_wrong(program, "--no-retained and --retained-only leave nothing to print");
    check_output(program, settings);
    if (settings->debug && !options_given("log-level"))
        settings->log.level = LOG_LEVEL_DEBUG;
    /* They are log lines. */
    if (settings->stats && !options_given("log-level"))
        settings->log.level = LOG_LEVEL_INFO;
}
