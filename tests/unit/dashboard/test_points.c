#include "core_fixture.h"

#include "dashboard/points.h"

static void keeps_the_order_whatever_comes_first(void **state)
{
    struct points points = {.limit = 64};
    const int64_t times[] = {30, 10, 20, 50, 40, 20};
    (void)state;
    for (size_t i = 0; i < 6; i++)
        assert_true(points_add(&points, times[i], (double)i));
    assert_int_equal(points.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(points.items[i].time, 10 * (int64_t)(i + 1));
    assert_true(points.items[1].value == 5); /* the last one of a time counts */
    points_free(&points);
}

static void ten_million_points_take_no_more_room_than_the_limit_and_no_peak_is_lost(void **state)
{
    struct points points = {.limit = 2048};
    const int64_t last = 10000000, peak = 123456, dip = 7654321;
    bool high = false, low = false;
    (void)state;
    for (int64_t i = 1; i <= last; i++)
        points_add(&points, i, i == peak ? 9 : i == dip ? -9 : (double)(i % 7) / 7);
    assert_true(points.count <= 2048 && points.room <= 2048);
    for (size_t i = 0; i < points.count; i++) {
        high = high || (points.items[i].time == peak && points.items[i].value > 8);
        low = low || (points.items[i].time == dip && points.items[i].value < -8);
        assert_true(i == 0 || points.items[i - 1].time < points.items[i].time);
    }
    assert_true(high && low);
    /* The newest are all there. */
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(points.items[points.count - 1 - i].time, last - (int64_t)i);
    points_free(&points);
}

static void out_of_order_it_stays_within_the_limit_too(void **state)
{
    struct points points = {.limit = 8};
    uint64_t random = 1;
    (void)state;
    for (int i = 0; i < 100000; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        points_add(&points, (int64_t)(random >> 40), (double)(random >> 60));
        assert_true(points.count <= 8);
        for (size_t k = 1; k < points.count; k++)
            assert_true(points.items[k - 1].time < points.items[k].time);
    }
    points_free(&points);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_order_whatever_comes_first),
        cmocka_unit_test(ten_million_points_take_no_more_room_than_the_limit_and_no_peak_is_lost),
        cmocka_unit_test(out_of_order_it_stays_within_the_limit_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
