# Run by CPack before it packs the staging folder: programs are stripped, manual pages compressed, and there are a
# copyright file and changelogs (the Debian Policy Manual, sections 10.1, 12.1, 12.5 and 12.7).
cmake_minimum_required(VERSION 3.25)

set(doc ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share/doc/roomstream)
file(RENAME ${doc}/LICENSE ${doc}/copyright)
file(APPEND ${doc}/copyright "
The programs that speak MQTT contain Eclipse Paho C, unless they were built with its shared library, under the Eclipse Public
License 2.0 (https://www.eclipse.org/legal/epl-2.0/), which excludes all warranties and liability of its contributors.
Its source is the Debian source package paho.mqtt.c, and https://github.com/eclipse-paho/paho.mqtt.c.

The program roomstream-dashboard contains the chart library dygraphs; its authors and its licence (MIT) stand in dygraphs.copyright.
")
file(RENAME ${doc}/CHANGELOG.md ${doc}/changelog)
# SOURCE_DATE_EPOCH, if it is set, makes it the same in every build.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${doc}/changelog.Debian "\
roomstream (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium

  * See CHANGELOG.md.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
file(GLOB compressed ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share/man/man*/*.[0-9])
list(APPEND compressed ${doc}/changelog ${doc}/changelog.Debian)
execute_process(COMMAND gzip -9 --no-name --force ${compressed} COMMAND_ERROR_IS_FATAL ANY)
file(GLOB programs ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/bin/*)
execute_process(COMMAND strip --remove-section=.comment --remove-section=.note ${programs} COMMAND_ERROR_IS_FATAL ANY)
