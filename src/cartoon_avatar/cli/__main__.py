"""``python -m cartoon_avatar.cli``"""

from cartoon_avatar.cli import main

main()
