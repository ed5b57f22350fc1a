#include <map>
#include <string>

std::string label(const std::map<std::string, int> &stock, const std::string &name)
{
    auto found = stock.find(name);
    return found == stock.end() ? "?" : name + ": " + std::to_string(found->second);
}
