#include "core_fixture.h"

#include "core/sensors.h"

static void every_sensor(void **state)
{
    static const struct sensor wanted[] = {
        {"temp", "Cel", "S1_Temp:1,S2_Temp:2,S3_Temp:3,S4_Temp:4"},
        {"light", "lx", "S1_Light:1,S2_Light:2,S3_Light:3,S4_Light:4"},
        {"sound", "V", "S1_Sound:1,S2_Sound:2,S3_Sound:3,S4_Sound:4"},
        {"co2", "ppm", "S5_CO2:5"},
        {"co2_slope", "ppm/s", "S5_CO2_Slope:5"},
        {"pir", "/", "S6_PIR:6,S7_PIR:7"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const struct sensor *sensor = sensor_find(wanted[i].name);
        assert_non_null(sensor);
        assert_string_equal(sensor->name, wanted[i].name);
        assert_string_equal(sensor->unit, wanted[i].unit);
        assert_string_equal(sensor->columns, wanted[i].columns);
    }
}

static void no_sensor(void **state)
{
    static const char *const names[] = {"", "co", "co2-slope", "Temp"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_null(sensor_find(names[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sensor),
        cmocka_unit_test(no_sensor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
