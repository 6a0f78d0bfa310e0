# fish completion for amivirt: every answer is amivirt's own.

function __amivirt_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    for line in ($program __complete $words "$current" 2>/dev/null </dev/null)
        switch $line
            case \tfiles
                __amivirt_paths $current
            case \tfolders
                __amivirt_paths $current | string match '*/'
            case '*'
                echo $line
        end
    end
end

# The value of "--option=" is completed behind it.
function __amivirt_paths
    set -l option (string match -r '^--[^=]*=' -- $argv[1])
    set -l begun (string replace -r '^--[^=]*=' '' -- $argv[1])
    for path in (complete -C "'' $begun" | string replace -r '\t.*' '')
        echo "$option$path"
    end
end

complete -c amivirt -f -k -a '(__amivirt_complete)'
