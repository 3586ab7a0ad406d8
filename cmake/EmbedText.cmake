# embed_text(FILE SYMBOL OUTPUT): makes the C file OUTPUT, in which const char SYMBOL[] is the text of FILE.
function(embed_text file symbol output)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} text)
    string(REPLACE "\\" "\\\\" text "${text}")
    string(REPLACE "\"" "\\\"" text "${text}")
    string(REPLACE "\n" "\\n\"\n\"" text "${text}")
    file(CONFIGURE OUTPUT ${output} CONTENT "extern const char ${symbol}[];\nconst char ${symbol}[] = \"${text}\";\n" @ONLY)
endfunction()
