# cmake -DSOURCE=text -DVARIABLE=name -DOUTPUT=file.cpp -P embed.cmake
file(READ ${SOURCE} text)
# A raw string literal holds at most 64 KiB portably; GCC and Clang take far more (nas/search embeds 700 KB).
file(WRITE ${OUTPUT} "#include <string_view>\nnamespace npusim::embedded {\nextern const std::string_view ${VARIABLE};\nconst std::string_view ${VARIABLE} = R\"npusim_text(${text})npusim_text\";\n}\n")
