// Marks of data being prepared for removal, wiped or sent; each is a lead, not a proof.

rule encrypted_zip_member : staging
{
    meta:
        description = "ZIP local header with the encryption bit set"
        source = "PKWARE APPNOTE 6.3.10, 4.4.4 bit 0"
    strings:
        $header = { 50 4B 03 04 ?? ?? (01 | 09) (00 | 08) (00 | 08 | 63) 00 }
    condition:
        $header
}

rule encrypted_7z : staging
{
    meta:
        description = "7-Zip archive with an AES coder"
        source = "7-Zip DOC/7zFormat.txt, Methods.txt: 06 F1 07 01"
    strings:
        $magic = { 37 7A BC AF 27 1C }
        $coder = { 06 F1 07 01 }
    condition:
        $magic and $coder
}

rule wiping_tool : wiping
{
    meta:
        description = "Name or settings of a file-wiping program"
        source = "published strings of the programs"
    strings:
        $sdelete = "SDelete is set for" ascii wide
        $sysinternals = "Software\\Sysinternals\\SDelete" ascii wide
        $eraser = "Heidi Computers\\Eraser" ascii wide nocase
        $bleachbit = "BleachBit.exe" ascii wide nocase
        $cipher = "cipher /w:" ascii wide nocase
    condition:
        any of them
}

rule upload_tool : upload
{
    meta:
        description = "Command or settings of a program that copies files to a server"
        source = "manuals of the programs"
    strings:
        $rclone = "rclone copy " ascii wide
        $rclone_config = "[remote]\ntype = " ascii
        $megacmd = "mega-put " ascii wide
        $winscp = "Martin Prikryl\\WinSCP 2" ascii wide
        $curl = "curl --upload-file " ascii wide
    condition:
        any of them
}
