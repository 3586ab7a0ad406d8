#include "recent.h"

#include "core/clock.h"
#include "core/json_text.h"

void recent_add(struct recent *recent, const struct recent_sample *sample)
{
    recent->samples[recent->count++ % RECENT_SAMPLES] = *sample;
}

struct recent_rates recent_rates(const struct recent *recent, const struct recent_sample *now)
{
    struct recent_rates rates = {.p50 = -1, .p99 = -1};
    uint64_t latency[HISTOGRAM_BUCKETS];
    if (recent->count == 0)
        return rates;
    const struct recent_sample *oldest =
        &recent->samples[recent->count < RECENT_SAMPLES ? 0 : recent->count % RECENT_SAMPLES];
    if (now->time <= oldest->time)
        return rates;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        latency[i] = now->latency[i] - oldest->latency[i];
    rates.seconds = (double)(now->time - oldest->time) / SECOND;
    rates.received = (double)(now->received - oldest->received) / rates.seconds;
    rates.delivered = (double)(now->delivered - oldest->delivered) / rates.seconds;
    rates.p50 = histogram_quantile(latency, 0.5);
    rates.p99 = histogram_quantile(latency, 0.99);
    return rates;
}

json_t *recent_json(const struct recent_rates *rates, const char *received, const char *delivered)
{
    return json_pack("{s:f, s:f, s:f, s:o, s:o}", "seconds", rates->seconds, received, rates->received,
                     delivered, rates->delivered, "latency_p50_seconds", json_known(rates->p50),
                     "latency_p99_seconds", json_known(rates->p99));
}
