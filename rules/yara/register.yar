// Words of a resident register's own tables. `japanese:` strings are expanded to every encoding before compiling.

rule register_dump : register
{
    meta:
        description = "Column names of a resident register, at least three different ones"
        source = "住民記録システム標準仕様書 1.1.1, 1.1.2; names seen in municipal databases"
    strings:
        $code = "宛名番号" japanese
        $unified = "統一コード" japanese
        $household = "世帯番号" japanese
        $my_number = "個人番号" japanese
        $birth = "生年月日" japanese
        $atenano = "atenano" ascii wide nocase
        $setaino = "setaino" ascii wide nocase
        $simei = "simei_yusen" ascii wide nocase
    condition:
        3 of them
}
