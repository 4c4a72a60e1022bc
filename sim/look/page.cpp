#include "sim/look/page.h"

#include <array>

namespace npusim::embedded {
extern const std::string_view chart_js, look_base_css, look_base_js;
}

namespace npusim::look {
namespace {

/// Of the bundled library, which the page must carry (Expat licence).
constexpr std::string_view kLicence =
    "Chart.js (https://www.chartjs.org), (c) 2014-2022 Chart.js Contributors, MIT licence.\n\n"
    "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and "
    "associated documentation files (the \"Software\"), to deal in the Software without restriction, "
    "including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, "
    "and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, "
    "subject to the following conditions:\nThe above copyright notice and this permission notice shall be "
    "included in all copies or substantial portions of the Software.\nTHE SOFTWARE IS PROVIDED \"AS IS\", "
    "WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF "
    "MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR "
    "COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF "
    "CONTRACT, "
    "TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS "
    "IN THE SOFTWARE.\n";

std::string escaped(std::string_view text) {
  std::string html;
  for (const char c : text) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      default:
        html += c;
    }
  }
  return html;
}

/// JSON inside a script element: "</" must not end it. "\u003c" is the same character to JSON.
std::string as_script(std::string_view json) {
  std::string text;
  text.reserve(json.size());
  for (const char c : json) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += i + k > bytes.size() ? '=' : kDigits[group >> (18 - 6 * k) & 63U];
    }
  }
  return text;
}

std::string page(std::string_view title, std::string_view data,
                 const std::vector<std::string_view>& scripts) {
  std::string html = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  html += "<meta name=\"viewport\" content=\"width=device-width\">\n<title>" + escaped(title) + "</title>\n";
  // An icon of its own, or the browser asks for one.
  html += "<link rel=\"icon\" href=\"data:,\">\n<style>\n";
  html += embedded::look_base_css;
  html += "</style>\n</head>\n<body>\n<noscript>This page draws itself with JavaScript.</noscript>\n";
  html += "<script type=\"application/json\" id=\"data\">" + as_script(data) + "</script>\n";
  html += "<script type=\"text/plain\" id=\"licence\">";
  html += kLicence;
  html += "</script>\n";
  for (const std::string_view script : {embedded::chart_js, embedded::look_base_js}) {
    html += "<script>\n";
    html += script;
    html += "</script>\n";
  }
  for (const std::string_view script : scripts) {
    html += "<script>\n";
    html += script;
    html += "</script>\n";
  }
  return html + "</body>\n</html>\n";
}

}  // namespace npusim::look
