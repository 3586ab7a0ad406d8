# The manual pages of all programs, by scdoc: docs/man/KIND.1.scd.in is written by hand, but for the options, which the
# programs print themselves. A program without a page, and an option that is missing in one, fail tests/cli/test_options.py.
find_program(SCDOC_EXECUTABLE scdoc)
if(NOT SCDOC_EXECUTABLE)
    message(WARNING "scdoc is not installed: no manual pages are made")
    install(CODE "message(WARNING \"no manual pages are installed: scdoc was missing when this was configured\")")
    return()
endif()

set(MAN_PAGE_FOLDER ${CMAKE_BINARY_DIR}/man)
add_custom_target(man ALL)

# add_man_page(PROGRAM KIND VARIABLES...): makes and installs roomstream-PROGRAM.1 from docs/man/KIND.1.scd.in, in which
# @NAME@ stands for what VARIABLES (NAME=VALUE each) say, @PAGE@ for the page's name, @OPTIONS@ for the options, and @CONFIGURATION@ and
# @MQTT@ for docs/man/configuration.scd and mqtt.scd, which several pages share.
function(add_man_page program kind)
    set(page ${MAN_PAGE_FOLDER}/roomstream-${program}.1)
    set(template ${PROJECT_SOURCE_DIR}/docs/man/${kind}.1.scd.in)
    set(fragments ${PROJECT_SOURCE_DIR}/docs/man/configuration.scd ${PROJECT_SOURCE_DIR}/docs/man/mqtt.scd)
    set(script ${PROJECT_SOURCE_DIR}/cmake/MakeManPage.cmake)
    list(TRANSFORM ARGN PREPEND -D OUTPUT_VARIABLE variables)
    add_custom_command(
        OUTPUT ${page}
        COMMAND ${CMAKE_COMMAND} -D PROGRAM=$<TARGET_FILE:${program}> -D PAGE=roomstream-${program}
                -D PROJECT_VERSION=${PROJECT_VERSION} -D TEMPLATE=${template} "-D FRAGMENTS=${fragments}" -D OUTPUT=${page}
                -D SCDOC=${SCDOC_EXECUTABLE} ${variables} -P ${script}
        DEPENDS ${program} ${template} ${fragments} ${script}
        VERBATIM)
    add_custom_target(man-${program} DEPENDS ${page})
    add_dependencies(man man-${program})
    install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endfunction()

# add_sensor_man_pages(KIND SUBJECT WHAT OF_SENSOR WHAT NEEDED OPTIONS EXAMPLE ARGUMENTS VARIABLES...): the pages of KIND
# and of each KIND-SENSOR. NEEDED and EXAMPLE are what KIND, which has no sensor's defaults, must be given.
function(add_sensor_man_pages kind)
    cmake_parse_arguments(MAN "" "SUBJECT;OF_SENSOR;NEEDED;EXAMPLE" "VARIABLES" ${ARGN})
    list(TRANSFORM ROOMSTREAM_SENSORS REPLACE "_" "-" OUTPUT_VARIABLE suffixes)
    list(TRANSFORM suffixes REPLACE "(.+)" "*roomstream-${kind}-\\1*(1)" OUTPUT_VARIABLE relatives)
    list(JOIN relatives ", " relatives)
    add_man_page(${kind} ${kind} "SUBJECT=${MAN_SUBJECT}" "NEEDED= ${MAN_NEEDED}" "EXAMPLE= ${MAN_EXAMPLE}"
                 "SPOOL=${kind}-TOPIC" ${MAN_VARIABLES}
                 "RELATIVES=The same program with the defaults of a sensor: ${relatives}.")
    foreach(sensor suffix IN ZIP_LISTS ROOMSTREAM_SENSORS suffixes)
        add_man_page(${kind}-${suffix} ${kind} "SUBJECT=${MAN_OF_SENSOR} ${sensor}" NEEDED= EXAMPLE=
                     "SPOOL=${kind}-${suffix}" ${MAN_VARIABLES}
                     "RELATIVES=It is *roomstream-${kind}*(1) with the defaults of the sensor _${sensor}_.")
    endforeach()
endfunction()

add_sensor_man_pages(publish
    SUBJECT "sensor readings" OF_SENSOR "the readings of the sensor"
    NEEDED "*--topic* _TOPIC_ *--column* _NAME:NODE_..." EXAMPLE "--topic temp --column S1_Temp:1"
    VARIABLES "DATA_FOLDER=${CMAKE_INSTALL_FULL_DATADIR}/roomstream")
add_sensor_man_pages(bridge
    SUBJECT "the messages of a topic" OF_SENSOR "the topic of the sensor"
    NEEDED "*--topic* _FILTER_ | *--route* _FILTER=TOPIC_..." EXAMPLE "--topic sensors/+/temp --kafka-topic temp"
    VARIABLES "SYSCONFDIR=${CMAKE_INSTALL_FULL_SYSCONFDIR}")
add_man_page(dead-letters dead-letters)
add_man_page(status status)
add_man_page(dashboard dashboard "SYSCONFDIR=${CMAKE_INSTALL_FULL_SYSCONFDIR}")
add_man_page(subscribe subscribe "EXAMPLE= -t temp")
add_man_page(kafka-produce kafka-produce "EXAMPLE= -t temp")
add_man_page(kafka-consume kafka-consume "EXAMPLE= -t temp")
add_man_page(store store)
add_man_page(downlink downlink)
add_man_page(estimate estimate)
