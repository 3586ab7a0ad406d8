# The Debian package that scripts/package.sh makes with CPack, from a build whose prefix is /usr.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "The roomstream authors <authors@roomstream.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "MQTT to Kafka pipeline that loses no message")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "\
Small programs that carry MQTT messages to Kafka: bridges, each with a
spool on disk, at least once or exactly once; a publisher that replays
recorded sensor data; clients that print and write messages on both
sides; an estimate of how many people are in the room. The bridges
run as services roomstream-bridge@TOPIC, the estimate as
roomstream-estimate.")
set(CPACK_SET_DESTDIR ON) # /etc lies outside the prefix

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "mosquitto, kcat")
set(package_scripts ${CMAKE_CURRENT_SOURCE_DIR}/packaging/debian)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${package_scripts}/conffiles ${package_scripts}/postinst ${package_scripts}/prerm ${package_scripts}/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# What Debian wants in every package, made in the staging folder: see there.
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_SOURCE_DIR}/packaging/debian/stage.cmake)
include(CPack)
